/** One of the two other processes of the floor: answers each frame with one of the same number. Reports its port to its parent. */
import { createServer, type AddressInfo } from 'node:net';
import { REPLY_BYTES } from './floor.ts';
import { FrameSocket } from './frames.ts';

const server = createServer((socket) => {
  const frames: FrameSocket = new FrameSocket(socket, (number) => frames.send(number, REPLY_BYTES));
  socket.on('error', () => socket.destroy());
});
server.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port));
process.on('disconnect', () => process.exit(0));
