//! What the command line found around this program: which cluster people mean, and what gives their credentials.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// Where the kubelet puts what a service account may show.
const ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

/// What the command line found around this program. The action reads no environment itself.
#[derive(Debug, Clone, Default)]
pub struct Environment {
    /// The environment variables: `KUBECONFIG`, `HOME` and, in a pod, `KUBERNETES_SERVICE_HOST` matter here.
    pub vars: Vec<(OsString, OsString)>,
    /// The project's root, where relative paths start.
    pub root: PathBuf,
    /// Where a pod finds what its service account may show: `token`, `ca.crt` and `namespace`. None: where the kubelet
    /// puts it.
    pub account: Option<PathBuf>,
}

impl Environment {
    /// A variable that is there and not empty.
    pub(crate) fn var(&self, name: &str) -> Option<String> {
        let found = self.vars.iter().find(|(known, _)| known == name)?;
        let value = found.1.to_string_lossy().into_owned();
        (!value.is_empty()).then_some(value)
    }

    /// Where a pod finds what its service account may show.
    pub(crate) fn account(&self) -> &Path {
        self.account.as_deref().unwrap_or_else(|| Path::new(ACCOUNT))
    }

    /// The kubeconfigs that kubectl would read, in its order; those that are not there are left out, as it does.
    pub(crate) fn kubeconfigs(&self) -> Vec<PathBuf> {
        let named = self.var("KUBECONFIG");
        let named: Vec<PathBuf> = match &named {
            Some(paths) => env::split_paths(paths)
                .filter(|path| !path.as_os_str().is_empty())
                .map(|path| self.root.join(path))
                .collect(),
            None => self
                .var("HOME")
                .map(|home| Path::new(&home).join(".kube/config"))
                .into_iter()
                .collect(),
        };
        named.into_iter().filter(|path| path.is_file()).collect()
    }
}
