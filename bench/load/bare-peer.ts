/** The other end of bare TCP: answers a frame of number 0 at once, and counts the others: the last of a flood has number 1. Reports its port. */
import { createServer, type AddressInfo } from 'node:net';
import { FrameSocket } from './frames.ts';

export const FRAME_BYTES = 40;
export const ECHO = 0;
export const LAST = 1;

if (process.send !== undefined && process.argv[1]?.endsWith('bare-peer.js') === true) {
  const server = createServer((socket) => {
    const frames: FrameSocket = new FrameSocket(socket, (number) => {
      if (number === ECHO || number === LAST) frames.send(number, FRAME_BYTES);
    });
    socket.on('error', () => socket.destroy());
  });
  server.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port));
  process.on('disconnect', () => process.exit(0));
}
