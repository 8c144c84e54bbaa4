"""A plan as a job template of Open Job Description, which AWS Deadline Cloud and others take."""

from __future__ import annotations

import json
from pathlib import Path

from sghm_vs.options import PlanOptions
from sghm_vs.shots.farm.plan import Plan

MEMORY_MIB = 4096
GPU_MEMORY_MIB = 8192
NAME_MAX = 64

TEMPLATE = """\
specificationVersion: jobtemplate-2023-09
extensions: [TASK_CHUNKING]
name: {name}
description: {description}
parameterDefinitions:
  - name: Plan
    type: STRING
    default: {plan}
    description: The plan; it, the footage and the mattes have the same paths on every worker.
  - name: Sghm
    type: STRING
    default: sghm
    description: The command, as workers have it.
  - name: Frames
    type: STRING
    default: {frames}
    description: {numbers}
  - name: ChunkFrames
    type: INT
    default: {chunk}
    minValue: 1
  - name: ChunkSeconds
    type: INT
    default: {seconds}
    minValue: 0
    description: What schedulers that measure make chunks take; 0 leaves them at ChunkFrames.
steps:
  - name: Matte
    parameterSpace:
      taskParameterDefinitions:
        - name: Frame
          type: CHUNK[INT]
          range: "{{{{Param.Frames}}}}"
          chunks:
            defaultTaskCount: "{{{{Param.ChunkFrames}}}}"
            targetRuntimeSeconds: "{{{{Param.ChunkSeconds}}}}"
            rangeConstraint: CONTIGUOUS
    hostRequirements:
      amounts:
        - {{name: amount.worker.vcpu, min: {threads}}}
        - {{name: amount.worker.memory, min: {memory}}}
{gpu}    stepEnvironments:
      - name: Worker
        description: A worker that keeps the network loaded, and refuses a machine not as planned.
        script:
          actions:
            onEnter:
              command: "{{{{Param.Sghm}}}}"
              args: [farm, start-worker, "{{{{Param.Plan}}}}", --at, "{{{{Session.WorkingDirectory}}}}"]
              timeout: 900
            onExit:
              command: "{{{{Param.Sghm}}}}"
              args: [farm, stop-worker, --at, "{{{{Session.WorkingDirectory}}}}"]
    script:
      actions:
        onRun:
          command: "{{{{Param.Sghm}}}}"
          args:
            - farm
            - make
            - "{{{{Param.Plan}}}}"
            - "--frames={{{{Task.Param.Frame}}}}"
            - --at
            - "{{{{Session.WorkingDirectory}}}}"
            - --progress=openjd
          cancelation: {{mode: NOTIFY_THEN_TERMINATE, notifyPeriodInSeconds: 30}}
  - name: Assemble
    dependencies: [{{dependsOn: Matte}}]
    parameterSpace:
      taskParameterDefinitions:
        - {{name: Shot, type: INT, range: "1-{shots}"}}
    script:
      actions:
        onRun:
          command: "{{{{Param.Sghm}}}}"
          args: [farm, assemble, "{{{{Param.Plan}}}}", --nth, "{{{{Task.Param.Shot}}}}"]
          cancelation: {{mode: NOTIFY_THEN_TERMINATE, notifyPeriodInSeconds: 30}}
"""

GPU = """\
        - {{name: amount.worker.gpu, min: 1}}
        - {{name: amount.worker.gpu.memory, min: {memory}}}
"""


def job_template(plan: Plan, path: Path) -> str:
    """
    Return `plan`, whose file is at `path`, as YAML of specification jobtemplate-2023-09.

    One step mattes the frames of all shots, in chunks that the scheduler cuts; another then makes
    each shot whole. Frames are counted as `Plan.parts` does.
    """
    one = plan.shots[0].name if len(plan.shots) == 1 else f"{len(plan.shots)} shots"
    numbers = plan.numbers
    said = "The shot's own." if len(plan.shots) == 1 else "Counted from 1 through all shots."
    worker = plan.worker
    return TEMPLATE.format(
        name=json.dumps(f"sghm {one}"[:NAME_MAX]),
        description=json.dumps(f"Mattes into {plan.folder}, by {worker.model} on {worker.device}"),
        plan=json.dumps(str(path)),
        frames=json.dumps(str(numbers)),
        numbers=json.dumps(said),
        chunk=max(len(chunk.writes) for _, chunk in plan.chunks()),
        seconds=round(PlanOptions().chunk_s),
        threads=worker.threads,
        memory=MEMORY_MIB,
        gpu=GPU.format(memory=GPU_MEMORY_MIB) if worker.is_gpu else "",
        shots=len(plan.shots),
    )
