import { defaultBuildFolder } from '../sdk.js';
import type { ProjectFile } from './project-file.js';

/** Where `build` puts what the project file describes; undefined without a project file or a model in it. */
export function defaultFolder(project: ProjectFile | undefined): string | undefined {
  return project?.model === undefined ? undefined : defaultBuildFolder(project.model, project.device);
}
