/** A further member of the cluster under load: `cluster-member.js NUMBER EPMD_PORT THREADS MEMBERS`. Reports its port when it has a quorum. */
import { startMember } from './cluster.ts';

const [number, epmdPort, threads, members] = process.argv.slice(2).map(Number) as [number, number, number, number];
process.on('disconnect', () => process.exit(0));
const quorate = await startMember(number, epmdPort, { members, threads });
process.send?.(quorate.node.port);
