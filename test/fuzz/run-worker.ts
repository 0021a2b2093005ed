/** Child process that runs mutants: the parent watches its time and memory, and survives its end. */
import { answerJobs } from './answer-jobs.js';
import { runMutant } from './run-mutant.js';
import { listRunSeeds } from './run-seeds.js';

answerJobs(listRunSeeds(), runMutant);
