"""Field tables of the objects that run: limits: table.

As in `kubernetes`, whose types these use. Source: Kubernetes API 1.35, batch/v1, core/v1; Volcano
staging/src/volcano.sh/apis/pkg/apis/batch/v1alpha1/job.go.
"""

from __future__ import annotations

from typing import Final

from tiphys.model.kubernetes import FIELDS

_CONTAINER: Final = {
    "name": "text",
    "image": "text",
    "command": "[]text",
    "args": "[]text",
    "workingDir": "text",
    "env": "[]PodEnvVar",
    "restartPolicy": "text",
    "terminationMessagePath": "text",
    "terminationMessagePolicy": "text",
    "imagePullPolicy": "text",
    "stdin": "bool",
    "stdinOnce": "bool",
    "tty": "bool",
    **FIELDS["Container"],
}
_OBJECT: Final = "apiVersion:text kind:text metadata:any status:any"
WORKLOADS: Final[dict[str, str]] = {
    "batch/v1 Job": f"{_OBJECT} spec:JobSpec",
    "batch.volcano.sh/v1alpha1 Job": f"{_OBJECT} spec:VolcanoJobSpec",
    "v1 Pod": f"{_OBJECT} spec:PodSpec",
    "JobSpec": (
        "parallelism:int32 completions:int32 activeDeadlineSeconds:int64 podFailurePolicy:any "
        "successPolicy:any backoffLimit:int32 backoffLimitPerIndex:int32 maxFailedIndexes:int32 "
        "selector:LabelSelector manualSelector:bool template:PodTemplateSpec "
        "ttlSecondsAfterFinished:int32 completionMode:text suspend:bool "
        "podReplacementPolicy:text managedBy:text"
    ),
    "VolcanoJobSpec": (
        "schedulerName:text minAvailable:int32 volumes:[]VolcanoVolumeSpec tasks:[]TaskSpec "
        "policies:[]LifecyclePolicy plugins:{}any runningEstimate:text queue:text maxRetry:int32 "
        "ttlSecondsAfterFinished:int32 priorityClassName:text minSuccess:int32 networkTopology:any"
    ),
    "VolcanoVolumeSpec": "mountPath:text volumeClaimName:text volumeClaim:any",
    "TaskSpec": (
        "name:text replicas:int32 minAvailable:int32 template:PodTemplateSpec "
        "policies:[]LifecyclePolicy topologyPolicy:text maxRetry:int32 dependsOn:TaskDependsOn "
        "partitionPolicy:PartitionPolicySpec"
    ),
    "PartitionPolicySpec": (
        "totalPartitions:int32 partitionSize:int32 minPartitions:int32 networkTopology:any"
    ),
    "TaskDependsOn": "name:[]text iteration:text",
    "LifecyclePolicy": "action:text event:text events:[]text exitCode:int32 timeout:text",
    "PodTemplateSpec": "metadata:any spec:PodSpec",
    "PodSpec": (
        "volumes:[]Volume initContainers:[]PodContainer containers:[]PodContainer "
        "ephemeralContainers:any restartPolicy:text terminationGracePeriodSeconds:int64 "
        "activeDeadlineSeconds:int64 dnsPolicy:text nodeSelector:{}text serviceAccountName:text "
        "serviceAccount:text automountServiceAccountToken:bool nodeName:text hostNetwork:bool "
        "hostPID:bool hostIPC:bool shareProcessNamespace:bool securityContext:PodSecurityContext "
        "imagePullSecrets:[]LocalObjectReference hostname:text subdomain:text affinity:Affinity "
        "schedulerName:text tolerations:[]Toleration hostAliases:[]HostAlias "
        "priorityClassName:text priority:int32 dnsConfig:PodDNSConfig readinessGates:any "
        "runtimeClassName:text enableServiceLinks:bool preemptionPolicy:text overhead:{}Quantity "
        "topologySpreadConstraints:any setHostnameAsFQDN:bool os:any hostUsers:bool "
        "schedulingGates:any resourceClaims:[]PodResourceClaim resources:ResourceRequirements "
        "hostnameOverride:text workloadRef:any"
    ),
    "PodContainer": " ".join(f"{name}:{kind}" for name, kind in _CONTAINER.items()),
    "PodEnvVar": "name:text value:text valueFrom:EnvVarSource",
}
"""Type to its fields; objects by apiVersion and kind."""
