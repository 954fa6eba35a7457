/** Carries out one gen_server scenario and gives its trace in the shape of the goldens. */
import { isDown } from '../../../runtime/process/message.ts';
import type { Scheduler } from '../../../runtime/process/scheduler.ts';
import { Exit } from '../../../runtime/term/exit-reason.ts';
import { Client, type Step } from './client.ts';
import { Log, type Result } from './log.ts';
import { settle, type Stage } from './place.ts';
import type { Table } from './server.ts';
import { termOf, type Json } from './terms.ts';

export interface ServerScenario {
  readonly name: string;
  readonly requires?: Json;
  readonly clients?: Readonly<Record<string, { readonly trap_exit?: boolean }>>;
  readonly servers: Readonly<Record<string, Table>>;
  readonly steps: readonly Step[];
}

const SETTLE_MS = 30;

export async function runServerScenario(scenario: ServerScenario, stage: Stage): Promise<Json> {
  const world = new World(scenario, stage);
  try {
    await world.ready;
    world.client('main');
    const steps: Json[] = [];
    for (const step of scenario.steps) steps.push(await world.step(step));
    steps.push(await world.final());
    const requires = scenario.requires === undefined ? {} : { requires: scenario.requires };
    return { name: scenario.name, kind: 'gen_server', ...requires, steps };
  } finally {
    await world.stop();
  }
}

class World {
  readonly #scenario: ServerScenario;
  readonly #stage: Stage;
  readonly #scheduler: Scheduler;
  readonly #log: Log;
  readonly #clients = new Map<string, Client>();

  constructor(scenario: ServerScenario, stage: Stage) {
    this.#scenario = scenario;
    this.#stage = stage;
    this.#scheduler = stage.scheduler;
    this.#log = new Log(this.#scheduler, stage.agents);
  }

  get ready(): Promise<void> {
    return this.#log.ready;
  }

  async stop(): Promise<void> {
    this.#log.close();
    await this.#stage.end([...this.#log.known.pids.values(), this.#log.ref.log]);
  }

  client(name: string): Client {
    const known = this.#clients.get(name);
    if (known !== undefined) return known;
    const trapExit = this.#scenario.clients?.[name]?.trap_exit ?? name === 'main';
    const { servers } = this.#scenario;
    const made = new Client(this.#scheduler, this.#log, name, trapExit, servers, () => this.#stage.env.now());
    this.#clients.set(name, made);
    return made;
  }

  async step(step: Step): Promise<Json> {
    const result = await this.#carryOut(step);
    const waitMs = (step['settle'] as number | undefined) ?? SETTLE_MS;
    await settle(
      this.#stage,
      waitMs,
      (ms) => this.#pause(ms),
      () => this.#log.settle(),
    );
    const order = step['order'] === undefined ? {} : { order: step['order'] };
    const shown = this.#log.resultJson(result);
    const events = this.#log.take().map((event) => this.#log.eventJson(event));
    return { op: step['op'] as string, result: shown, events, ...order };
  }

  async #carryOut(step: Step): Promise<Result | null> {
    switch (step['op']) {
      case 'wait':
        await this.#pause(step['ms'] as number);
        return null;
      case 'kill': {
        const server = this.#log.pidOf(step['server'] as string);
        if (server !== undefined) this.#scheduler.exit(server, server, Exit.kill);
        return null;
      }
      case 'client_exit':
        this.client(step['client'] as string).die(termOf(step['reason'], this.#log));
        return null;
      case 'start_node':
      case 'kill_node':
        await this.#changeNode(step['op'], step['node'] as string);
        return null;
      default: {
        const client = this.client((step['client'] as string | undefined) ?? 'main');
        if (step['async'] !== true) return Promise.race([client.run(step), this.#endOf(client)]);
        client.runApart(step);
        return null;
      }
    }
  }

  async #changeNode(op: 'start_node' | 'kill_node', name: string): Promise<void> {
    const { peers } = this.#stage;
    if (peers === null) throw new TypeError('scenarios of several nodes run in placement nodes only');
    if (op === 'start_node') this.#log.known.nodes.set(name, await peers.start(name));
    else await peers.kill(name);
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => void this.#stage.env.setTimer(ms, resolve));
  }

  /** What a step comes to when its client dies of it. */
  #endOf(client: Client): Promise<Result> {
    return new Promise((resolve) => {
      this.#scheduler.spawn(async (self) => {
        const down = await self.receive(isDown(self.monitor(client.actor.pid)));
        resolve({ client_down: down.reason } as unknown as Result);
      });
    });
  }

  async final(): Promise<Json> {
    const result: Record<string, Json> = {};
    const names = [...this.#log.known.pids.keys()].filter((name) => name.includes('#')).sort();
    for (const name of names) {
      const pid = this.#log.known.pids.get(name);
      result[name] = pid !== undefined && (await this.#stage.isAlive(pid)) ? 'alive' : 'dead';
    }
    return { op: 'final', result, events: [] };
  }
}
