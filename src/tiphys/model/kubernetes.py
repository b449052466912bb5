"""Field tables of the Kubernetes types that documents contain: limits: table.

The model keeps these parts as free JSON; the tables are only there so that a misspelt field or a
wrong type is found when a document is read, as Argo's strict decoder finds it. A type that few
people use stays open (`any`). Source: Kubernetes API 1.35, core/v1, meta/v1, policy/v1.

A line reads `field:type`; types are text, bool, int32, int64, IntOrString, Quantity, any, the
name of a table, `[]` for a list and `{}` for a map of something.
"""

from __future__ import annotations

from typing import Final

KUBERNETES: Final[dict[str, str]] = {
    "Volume": (
        "name:text hostPath:HostPathVolumeSource emptyDir:EmptyDirVolumeSource "
        "gcePersistentDisk:any awsElasticBlockStore:any gitRepo:GitRepoVolumeSource "
        "secret:SecretVolumeSource nfs:NFSVolumeSource iscsi:any glusterfs:any "
        "persistentVolumeClaim:PersistentVolumeClaimVolumeSource rbd:any flexVolume:any "
        "cinder:any cephfs:any flocker:any downwardAPI:DownwardAPIVolumeSource fc:any "
        "azureFile:any configMap:ConfigMapVolumeSource vsphereVolume:any quobyte:any "
        "azureDisk:any photonPersistentDisk:any projected:ProjectedVolumeSource "
        "portworxVolume:any scaleIO:any storageos:any csi:CSIVolumeSource "
        "ephemeral:EphemeralVolumeSource image:ImageVolumeSource"
    ),
    "HostPathVolumeSource": "path:text type:text",
    "EmptyDirVolumeSource": "medium:text sizeLimit:Quantity",
    "GitRepoVolumeSource": "repository:text revision:text directory:text",
    "SecretVolumeSource": "secretName:text items:[]KeyToPath defaultMode:int32 optional:bool",
    "ConfigMapVolumeSource": "name:text items:[]KeyToPath defaultMode:int32 optional:bool",
    "KeyToPath": "key:text path:text mode:int32",
    "NFSVolumeSource": "server:text path:text readOnly:bool",
    "PersistentVolumeClaimVolumeSource": "claimName:text readOnly:bool",
    "DownwardAPIVolumeSource": "items:[]DownwardAPIVolumeFile defaultMode:int32",
    "DownwardAPIVolumeFile": (
        "path:text fieldRef:ObjectFieldSelector resourceFieldRef:ResourceFieldSelector mode:int32"
    ),
    "ObjectFieldSelector": "apiVersion:text fieldPath:text",
    "ResourceFieldSelector": "containerName:text resource:text divisor:Quantity",
    "ProjectedVolumeSource": "sources:[]VolumeProjection defaultMode:int32",
    "VolumeProjection": (
        "secret:SecretProjection downwardAPI:DownwardAPIProjection configMap:ConfigMapProjection "
        "serviceAccountToken:ServiceAccountTokenProjection clusterTrustBundle:any "
        "podCertificate:any"
    ),
    "SecretProjection": "name:text items:[]KeyToPath optional:bool",
    "ConfigMapProjection": "name:text items:[]KeyToPath optional:bool",
    "DownwardAPIProjection": "items:[]DownwardAPIVolumeFile",
    "ServiceAccountTokenProjection": "audience:text expirationSeconds:int64 path:text",
    "CSIVolumeSource": (
        "driver:text readOnly:bool fsType:text volumeAttributes:{}text "
        "nodePublishSecretRef:LocalObjectReference"
    ),
    "EphemeralVolumeSource": "volumeClaimTemplate:any",
    "ImageVolumeSource": "reference:text pullPolicy:text",
    "LocalObjectReference": "name:text",
    "PersistentVolumeClaim": (
        "kind:text apiVersion:text metadata:any spec:PersistentVolumeClaimSpec status:any"
    ),
    "PersistentVolumeClaimSpec": (
        "accessModes:[]text selector:LabelSelector resources:VolumeResourceRequirements "
        "volumeName:text storageClassName:text volumeMode:text dataSource:any dataSourceRef:any "
        "volumeAttributesClassName:text"
    ),
    "VolumeResourceRequirements": "limits:{}Quantity requests:{}Quantity",
    "LabelSelector": "matchLabels:{}text matchExpressions:[]LabelSelectorRequirement",
    "LabelSelectorRequirement": "key:text operator:text values:[]text",
    "Affinity": "nodeAffinity:NodeAffinity podAffinity:PodAffinity podAntiAffinity:PodAffinity",
    "NodeAffinity": (
        "requiredDuringSchedulingIgnoredDuringExecution:NodeSelector "
        "preferredDuringSchedulingIgnoredDuringExecution:[]PreferredSchedulingTerm"
    ),
    "NodeSelector": "nodeSelectorTerms:[]NodeSelectorTerm",
    "NodeSelectorTerm": (
        "matchExpressions:[]LabelSelectorRequirement matchFields:[]LabelSelectorRequirement"
    ),
    "PreferredSchedulingTerm": "weight:int32 preference:NodeSelectorTerm",
    "PodAffinity": (
        "requiredDuringSchedulingIgnoredDuringExecution:[]PodAffinityTerm "
        "preferredDuringSchedulingIgnoredDuringExecution:[]WeightedPodAffinityTerm"
    ),
    "WeightedPodAffinityTerm": "weight:int32 podAffinityTerm:PodAffinityTerm",
    "PodAffinityTerm": (
        "labelSelector:LabelSelector namespaces:[]text topologyKey:text "
        "namespaceSelector:LabelSelector matchLabelKeys:[]text mismatchLabelKeys:[]text"
    ),
    "Toleration": "key:text operator:text value:text effect:text tolerationSeconds:int64",
    "HostAlias": "ip:text hostnames:[]text",
    "PodDNSConfig": "nameservers:[]text searches:[]text options:[]PodDNSConfigOption",
    "PodDNSConfigOption": "name:text value:text",
    "PodSecurityContext": (
        "seLinuxOptions:SELinuxOptions windowsOptions:WindowsSecurityContextOptions "
        "runAsUser:int64 runAsGroup:int64 runAsNonRoot:bool supplementalGroups:[]int64 "
        "supplementalGroupsPolicy:text fsGroup:int64 sysctls:[]Sysctl fsGroupChangePolicy:text "
        "seccompProfile:SeccompProfile appArmorProfile:SeccompProfile seLinuxChangePolicy:text"
    ),
    "SecurityContext": (
        "capabilities:Capabilities privileged:bool seLinuxOptions:SELinuxOptions "
        "windowsOptions:WindowsSecurityContextOptions runAsUser:int64 runAsGroup:int64 "
        "runAsNonRoot:bool readOnlyRootFilesystem:bool allowPrivilegeEscalation:bool "
        "procMount:text seccompProfile:SeccompProfile appArmorProfile:SeccompProfile"
    ),
    "SELinuxOptions": "user:text role:text type:text level:text",
    "WindowsSecurityContextOptions": (
        "gmsaCredentialSpecName:text gmsaCredentialSpec:text runAsUserName:text hostProcess:bool"
    ),
    "SeccompProfile": "type:text localhostProfile:text",
    "Sysctl": "name:text value:text",
    "Capabilities": "add:[]text drop:[]text",
    "PodDisruptionBudgetSpec": (
        "minAvailable:IntOrString selector:LabelSelector maxUnavailable:IntOrString "
        "unhealthyPodEvictionPolicy:text"
    ),
    "ResourceRequirements": "limits:{}Quantity requests:{}Quantity claims:[]ResourceClaim",
    "ResourceClaim": "name:text request:text",
    "PodResourceClaim": "name:text resourceClaimName:text resourceClaimTemplateName:text",
    "ContainerPort": "name:text hostPort:int32 containerPort:int32 protocol:text hostIP:text",
    "EnvFromSource": "prefix:text configMapRef:NamedSource secretRef:NamedSource",
    "NamedSource": "name:text optional:bool",
    "EnvVarSource": (
        "fieldRef:ObjectFieldSelector resourceFieldRef:ResourceFieldSelector "
        "configMapKeyRef:KeySelector secretKeyRef:KeySelector fileKeyRef:FileKeySelector"
    ),
    "KeySelector": "name:text key:text optional:bool",
    "FileKeySelector": "volumeName:text path:text key:text optional:bool",
    "VolumeMount": (
        "name:text readOnly:bool recursiveReadOnly:text mountPath:text subPath:text "
        "mountPropagation:text subPathExpr:text"
    ),
    "VolumeDevice": "name:text devicePath:text",
    "ContainerResizePolicy": "resourceName:text restartPolicy:text",
    "ContainerRestartRule": "action:text exitCodes:ContainerRestartRuleOnExitCodes",
    "ContainerRestartRuleOnExitCodes": "operator:text values:[]int32",
    "Probe": (
        "exec:ExecAction httpGet:HTTPGetAction tcpSocket:TCPSocketAction grpc:GRPCAction "
        "initialDelaySeconds:int32 timeoutSeconds:int32 periodSeconds:int32 "
        "successThreshold:int32 failureThreshold:int32 terminationGracePeriodSeconds:int64"
    ),
    "Lifecycle": "postStart:LifecycleHandler preStop:LifecycleHandler stopSignal:text",
    "LifecycleHandler": (
        "exec:ExecAction httpGet:HTTPGetAction tcpSocket:TCPSocketAction sleep:SleepAction"
    ),
    "ExecAction": "command:[]text",
    "HTTPGetAction": (
        "path:text port:IntOrString host:text scheme:text httpHeaders:[]PodDNSConfigOption"
    ),
    "TCPSocketAction": "port:IntOrString host:text",
    "GRPCAction": "port:int32 service:text",
    "SleepAction": "seconds:int64",
}
"""Type to its fields."""

_PLACEMENT: Final = {
    "nodeSelector": "{}text",
    "affinity": "Affinity",
    "tolerations": "[]Toleration",
    "volumes": "[]Volume",
    "hostAliases": "[]HostAlias",
    "securityContext": "PodSecurityContext",
    "podResources": "ResourceRequirements",
    "resourceClaims": "[]PodResourceClaim",
}
FIELDS: Final[dict[str, dict[str, str]]] = {
    "WorkflowSpec": {
        **_PLACEMENT,
        "volumeClaimTemplates": "[]PersistentVolumeClaim",
        "dnsConfig": "PodDNSConfig",
        "podDisruptionBudget": "PodDisruptionBudgetSpec",
    },
    "Template": _PLACEMENT,
    "PodGC": {"labelSelector": "LabelSelector"},
    "ContainerSetTemplate": {"volumeMounts": "[]VolumeMount"},
    "EnvVar": {"valueFrom": "EnvVarSource"},
    "Container": {
        "ports": "[]ContainerPort",
        "envFrom": "[]EnvFromSource",
        "resources": "ResourceRequirements",
        "resizePolicy": "[]ContainerResizePolicy",
        "restartPolicyRules": "[]ContainerRestartRule",
        "volumeMounts": "[]VolumeMount",
        "volumeDevices": "[]VolumeDevice",
        "livenessProbe": "Probe",
        "readinessProbe": "Probe",
        "startupProbe": "Probe",
        "lifecycle": "Lifecycle",
        "securityContext": "SecurityContext",
    },
}
"""Struct of the model to those of its fields that hold a type of the tables."""

for _name in ("UserContainer", "ScriptTemplate", "ContainerNode"):
    FIELDS[_name] = FIELDS["Container"]
