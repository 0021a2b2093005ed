/** Public API and composition root: the rooms of src/sdk wire readers, engines, data, devices and the pipeline. The command line is one of its users. */

export { openStageStore, type StageStore } from './artifact/stage-store.js';
export { checkOutputFile, checkWritable } from './artifact/write-files.js';
export { RECIPES, type RecipeName } from './bottleneck/train-recipe.js';
export type { RunContext } from './core/context.js';
export { IsplitError } from './core/errors.js';
export type { DatasetOptions } from './data/open-dataset.js';
export { listDevices, listGateways, listLinks, loadDevice, loadGateway, loadLink } from './devices/index.js';
export type { Engine } from './engines/engine.js';
export { ENGINE_CHOICES, type EngineChoice } from './engines/index.js';
export type { Study } from './evaluate/study.js';
export type { Deployment } from './pipeline/analyze.js';
export type { TrainingSettings } from './pipeline/train-network.js';
export type { Analysis, AnalyzedCut, RankBy } from './plan/analysis.js';
export { RANK_BY } from './plan/analysis.js';
export type { Budgets } from './plan/budgets.js';
export type { PreprocessOptions } from './preprocess/options.js';
export type { PreprocessSpec } from './preprocess/spec.js';
export {
  type AnalyzeOptions,
  analyzeModel,
  chooseDeployment,
  openLabelledData,
  writeAnalysis,
} from './sdk/analyze-model.js';
export {
  type BuildOptions,
  type BuildSamples,
  type BuiltModel,
  buildModel,
  defaultBuildFolder,
} from './sdk/build-model.js';
export type { BaselineOptions } from './sdk/evaluate-baselines.js';
export {
  type EvaluateBuildOptions,
  evaluateBuild,
  writeEvaluationReport,
  writePredictions,
} from './sdk/evaluate-build.js';
export { type Inspection, inspectModel } from './sdk/inspect-model.js';
export { choosePreprocess, demoPaths, type OpenedModel, type OpenModelOptions, openModel } from './sdk/open-model.js';
export { type RetrainOptions, retrainBuild } from './sdk/retrain-build.js';
export { type RunFileOptions, type RunSummary, type RunTensor, runFile } from './sdk/run-file.js';
export { assembleStudy, measureCell, type StudyOptions, studyModel, writeStudy } from './sdk/study.js';
export { defaultTrainedFile, type TrainedModel, type TrainModelOptions, trainModel } from './sdk/train-model.js';
export { type VerifyBuildOptions, verifyBuild } from './sdk/verify-build.js';
export { VERSION } from './sdk/version.js';
