/**
 * Runs code as typed into a REPL: top-level await, and declarations that last from one piece of code to the next. It is the
 * engine of Node's own REPL, whose terminal is replaced by a stream nobody types on.
 *
 * Code is run one piece after the other. An error that arrives while none runs (from a timer of earlier code) goes to
 * `onStrayError`.
 */
import { PassThrough } from 'node:stream';
import { Recoverable, start } from 'node:repl';
import type { REPLServer } from 'node:repl';

export type Evaluation =
  | { readonly kind: 'value'; readonly value: unknown }
  | { readonly kind: 'error'; readonly error: unknown }
  /** The code is a beginning that more lines may complete. */
  | { readonly kind: 'incomplete' };

export interface EvaluatorOptions {
  readonly bindings: Readonly<Record<string, unknown>>;
  /** Calls the function where the code is to find itself, for example inside of a process. */
  readonly runInside: (fn: () => void) => void;
  readonly onStrayError: (error: unknown) => void;
}

export class Evaluator {
  readonly #server: REPLServer;
  readonly #options: EvaluatorOptions;
  #finish: ((evaluation: Evaluation) => void) | null = null;

  constructor(options: EvaluatorOptions) {
    this.#options = options;
    const output = new PassThrough();
    // In the global context: an object from another one would not count as a plain object, and could not be sent.
    this.#server = start({ input: new PassThrough(), output, terminal: false, prompt: '', useGlobal: true });
    bindGlobals(this.#server, options.bindings);
    // The engine hands some errors to its terminal instead of its caller; the last one is then in `lastError`.
    output.on('data', (chunk: Buffer) => {
      if (String(chunk).startsWith('Uncaught')) this.#onError(this.#server.lastError);
    });
  }

  /** Runs a piece of code; resolves when what it awaits has settled. Never rejects. */
  evaluate(code: string): Promise<Evaluation> {
    return new Promise((resolve) => {
      this.#finish = (evaluation) => {
        this.#finish = null;
        resolve(evaluation);
      };
      this.#options.runInside(() => {
        this.#server.eval(`${code}\n`, this.#server.context, 'repl', (error, value: unknown) => {
          if (error instanceof Recoverable) this.#finish?.({ kind: 'incomplete' });
          else if (error !== null) this.#onError(error);
          else this.#finish?.({ kind: 'value', value });
        });
      });
    });
  }

  close(): void {
    this.#server.close();
  }

  #onError(error: unknown): void {
    if (this.#finish !== null) this.#finish({ kind: 'error', error });
    else this.#options.onStrayError(error);
  }
}

/** Makes names known to the code; it may declare them anew, as in any script. */
export function bindGlobals(server: REPLServer, bindings: Readonly<Record<string, unknown>>): void {
  for (const [name, value] of Object.entries(bindings)) {
    Object.defineProperty(server.context, name, { value, writable: true, configurable: true, enumerable: false });
  }
}
