/** Loaded by each worker thread of a node that runs the store, before anything else: `{ global }` names there are those of the store. */
import { installGlobalNames } from './global-names.ts';

installGlobalNames();
