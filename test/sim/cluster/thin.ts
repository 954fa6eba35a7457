import { loadSystem } from './system.ts';
import { World } from './world.ts';
const system = await loadSystem();
const print = process.argv[3] ? (l: string) => console.log(l) : null;
for (let i = 0; i < Number(process.argv[2] ?? 1); i++) {
  const t0 = performance.now();
  const w = new World(system, 1 + (i >> 1), { machines: 3, clusterSize: 3, latencyMs: [0.1, 2], saveMs: [0.1, 3], netTicktimeMs: 4000, skewMs: 1000 }, print);
  for (const s of w.sites) w.clockwork.after(w.random.between(0, 500), () => w.start(s));
  const settled = () => w.sites.every((s) => s.quorate?.status?.hasQuorum === true && s.quorate.status.waits.length === 0);
  await w.run(20000, settled);
  const at = w.nowMs;
  let got: unknown[] = [];
  w.sites[0]!.quorate!.node.spawn(async () => { got.push(await w.system.PaxosKV.put('a', 1)); });
  await w.run(30000, () => got.length === 1);
  w.sites[2]!.quorate!.node.spawn(async () => { got.push(await w.system.PaxosKV.get('a')); });
  await w.run(30000, () => got.length === 2);
  const done = w.nowMs;
  await w.run(w.nowMs + 5000);
  console.log(w.journal.digest, w.journal.events, at, done, JSON.stringify(got), (performance.now() - t0).toFixed(1));
  w.end();
}
