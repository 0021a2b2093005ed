/** Child process that reads mutants: the parent watches its time and memory, and survives its end. */
import { answerJobs } from './answer-jobs.js';
import { readMutant } from './read-mutant.js';
import { listSeeds } from './seeds.js';

answerJobs(listSeeds(), readMutant);
