export { assertSettable, readExperiments } from './experiments.ts'
export {
  type Reproduction,
  type ReproductionRequest,
  type ReproductionTools,
  reproduce,
} from './reproduce.ts'
export { readBudget } from './scale.ts'
export { assertFreeForReproduction } from './workspace.ts'
