/** Carries out one gen_server scenario and gives its trace in the shape of the goldens. */
import { realEnv } from '../../../runtime/env.ts';
import { isDown } from '../../../runtime/process/message.ts';
import { Scheduler } from '../../../runtime/process/scheduler.ts';
import { nameAtom } from '../../../runtime/term/atom.ts';
import { Exit } from '../../../runtime/term/exit-reason.ts';
import { tuple } from '../../../runtime/term/tuple.ts';
import type { DirectRef as ServerRef } from '../../../supervisors/index.ts';
import { Client, type Step } from './client.ts';
import { Log, type Result } from './log.ts';
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

export async function runServerScenario(scenario: ServerScenario): Promise<Json> {
  const world = new World(scenario);
  try {
    await world.ready;
    world.client('main');
    const steps: Json[] = [];
    for (const step of scenario.steps) steps.push(await world.step(step));
    steps.push(world.final());
    const requires = scenario.requires === undefined ? {} : { requires: scenario.requires };
    return { name: scenario.name, kind: 'gen_server', ...requires, steps };
  } finally {
    world.stop();
  }
}

class World {
  readonly #scenario: ServerScenario;
  readonly #scheduler: Scheduler;
  readonly #log: Log;
  readonly #clients = new Map<string, Client>();

  constructor(scenario: ServerScenario) {
    this.#scenario = scenario;
    this.#scheduler = new Scheduler({ nodeName: nameAtom('kit@nohost'), creation: 1, env: realEnv });
    this.#log = new Log(this.#scheduler);
  }

  get ready(): Promise<void> {
    return this.#log.ready;
  }

  stop(): void {
    this.#scheduler.stop(Exit.kill);
  }

  client(name: string): Client {
    const known = this.#clients.get(name);
    if (known !== undefined) return known;
    const trapExit = this.#scenario.clients?.[name]?.trap_exit ?? name === 'main';
    const { servers } = this.#scenario;
    const made = new Client(this.#scheduler, this.#log, name, trapExit, servers, (to) => this.#destinationOf(to));
    this.#clients.set(name, made);
    return made;
  }

  #destinationOf(to: Json): ServerRef {
    if (typeof to === 'string') return this.#log.pidOf(to) ?? fail(`${to} never started`);
    const given = to as Readonly<Record<string, Json>>;
    if (typeof given['name'] === 'string') return nameAtom(given['name']);
    if (typeof given['client'] === 'string') return this.#log.pidOf(given['client']) ?? fail('no such client');
    if (!Array.isArray(given['remote'])) return fail(`no way to address ${JSON.stringify(to)} yet`);
    const [name, node] = given['remote'] as [string, string];
    return tuple(nameAtom(name), node === '$node' ? this.#scheduler.nodeName : nameAtom(node));
  }

  async step(step: Step): Promise<Json> {
    const result = await this.#carryOut(step);
    await pause((step['settle'] as number | undefined) ?? SETTLE_MS);
    const order = step['order'] === undefined ? {} : { order: step['order'] };
    const shown = this.#log.resultJson(result);
    const events = this.#log.take().map((event) => this.#log.eventJson(event));
    return { op: step['op'] as string, result: shown, events, ...order };
  }

  async #carryOut(step: Step): Promise<Result | null> {
    switch (step['op']) {
      case 'wait':
        await pause(step['ms'] as number);
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
        return fail('scenarios of several nodes need a runner of several nodes');
      default: {
        const client = this.client((step['client'] as string | undefined) ?? 'main');
        if (step['async'] !== true) return Promise.race([client.run(step), this.#endOf(client)]);
        client.runApart(step);
        return null;
      }
    }
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

  final(): Json {
    const result: Record<string, Json> = {};
    const names = [...this.#log.known().keys()].filter((name) => name.includes('#')).sort();
    for (const name of names) {
      const pid = this.#log.known().get(name);
      result[name] = pid !== undefined && this.#scheduler.isAlive(pid) ? 'alive' : 'dead';
    }
    return { op: 'final', result, events: [] };
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => void realEnv.setTimer(ms, resolve));
}

function fail(why: string): never {
  throw new TypeError(why);
}
