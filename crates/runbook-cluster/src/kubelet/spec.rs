//! What a pod's specification says of a container, with the defaults that the server has filled in.

use serde_json::Value;

use super::resources::bytes;
use crate::object::Fields as _;

/// When a container is started again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Restart {
    Always,
    OnFailure,
    Never,
}

impl Restart {
    pub(super) fn of(pod: &Value) -> Self {
        match pod.text("/spec/restartPolicy") {
            "Never" => Self::Never,
            "OnFailure" => Self::OnFailure,
            _ => Self::Always,
        }
    }

    /// Whether a container that ended so is started again.
    pub(super) const fn wants(self, code: i32) -> bool {
        match self {
            Self::Always => true,
            Self::OnFailure => code != 0,
            Self::Never => false,
        }
    }
}

/// The place of a container in its pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// Runs to its end before the next one starts.
    Init,
    /// An init container that goes on.
    Sidecar,
    /// One of those that the pod is for.
    Main,
}

/// One container as it is to be.
#[derive(Debug, Clone)]
pub(super) struct Spec {
    pub(super) name: String,
    pub(super) role: Role,
    pub(super) image: String,
    pub(super) value: Value,
}

impl Spec {
    /// All of a pod, in the order in which they start.
    pub(super) fn all(pod: &Value) -> Vec<Self> {
        let of = |value: &Value, role| Self {
            name: value.name_of().to_owned(),
            role,
            image: value.text("/image").to_owned(),
            value: value.clone(),
        };
        let init = pod.items("/spec/initContainers").iter().map(|value| {
            let is_sidecar = value.text("/restartPolicy") == "Always";
            of(value, if is_sidecar { Role::Sidecar } else { Role::Init })
        });
        let main = pod
            .items("/spec/containers")
            .iter()
            .map(|value| of(value, Role::Main));
        init.chain(main).collect()
    }

    /// When it is started again.
    pub(super) fn restart(&self, pod: Restart) -> Restart {
        match (self.role, pod) {
            (Role::Main, policy) => policy,
            (Role::Sidecar, _) => Restart::Always,
            // One that has succeeded is done, whatever the policy says.
            (Role::Init, Restart::Never) => Restart::Never,
            (Role::Init, Restart::Always | Restart::OnFailure) => Restart::OnFailure,
        }
    }

    /// How much memory it may use.
    pub(super) fn memory_limit(&self) -> Option<u64> {
        self.value.at("/resources/limits/memory").as_str().and_then(bytes)
    }

    /// How events name it.
    pub(super) fn field(&self) -> String {
        let list = match self.role {
            Role::Init | Role::Sidecar => "initContainers",
            Role::Main => "containers",
        };
        format!("spec.{list}{{{}}}", self.name)
    }

    /// The number of a port that a probe gives by number or by name.
    pub(super) fn port(&self, port: &Value) -> Option<u16> {
        let number = if let Some(name) = port.as_str() {
            let named = self
                .value
                .items("/ports")
                .iter()
                .find(|known| known.name_of() == name);
            name.parse().ok().or_else(|| named?.number("/containerPort"))
        } else {
            port.as_i64()
        };
        u16::try_from(number?).ok()
    }
}

/// The `name` of an item of a list.
pub(super) trait Named {
    fn name_of(&self) -> &str;
}

impl Named for Value {
    fn name_of(&self) -> &str {
        self.text("/name")
    }
}
