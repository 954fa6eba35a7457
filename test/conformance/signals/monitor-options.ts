/** Options of monitors and aliases in the kit's words and in ours. */
import type { AliasMode, Atom, MonitorOptions } from '../../../runtime/index.ts';
import type { Arguments } from './protocol.ts';

/** The options of a monitor from `[{tag, Term}, {alias, Mode}]`. */
export function monitorOptions(args: Arguments): MonitorOptions {
  const options: { tag?: unknown; alias?: MonitorOptions['alias'] } = {};
  for (const [option, value] of (args['monitor_opts'] ?? []) as readonly (readonly [Atom, unknown])[]) {
    if (option.name === 'tag') options.tag = value;
    else options.alias = aliasMode(value as Atom) as NonNullable<MonitorOptions['alias']>;
  }
  return options as MonitorOptions;
}

/** `reply_demonitor` is `replyDemonitor`. */
export function aliasMode(mode: Atom): AliasMode {
  return mode.name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase()) as AliasMode;
}
