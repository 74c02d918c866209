//! What is needed beside Rust itself, why, and whether it is there.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::program;

/// A Debian package, the programs by which it is known elsewhere, and why it is needed.
pub(super) struct Package {
    pub(super) name: &'static str,
    pub(super) programs: &'static [&'static str],
    pub(super) reason: &'static str,
}

/// Debian's package of whatever PostgreSQL is current.
pub(super) const POSTGRES: &str = "postgresql";

pub(super) const PACKAGES: [Package; 30] = [
    Package {
        name: "bash",
        programs: &["bash"],
        reason: "the shell action's tests run scripts with it",
    },
    Package {
        name: "git",
        programs: &["git"],
        reason: "tidy asks it which files belong to the repository, and `check --base` is tested with it",
    },
    Package {
        name: POSTGRES,
        programs: &["initdb", "postgres", "pg_ctl"],
        reason: "the SQL action is tested against servers that the tests start and stop themselves",
    },
    Package {
        name: "kubernetes-client",
        programs: &["kubectl"],
        reason: "the cluster in process is tested with a client that knows nothing of it",
    },
    Package {
        name: "openssh-client",
        programs: &["ssh", "ssh-keygen"],
        reason: "what runs on other machines is tested with it",
    },
    Package {
        name: "openssh-server",
        programs: &["sshd"],
        reason: "the tests start and stop servers of it themselves",
    },
    Package {
        name: "sudo",
        programs: &["sudo"],
        reason: "what runs as another user is tested with it",
    },
    Package {
        name: "systemd",
        programs: &["systemctl", "journalctl"],
        reason: "what it says where it does not run is tested",
    },
    Package {
        name: "mariadb-server",
        programs: &["mariadbd", "mariadb-install-db"],
        reason: "the SQL action is tested against servers that the tests start and stop themselves",
    },
    Package {
        name: "prometheus",
        programs: &["prometheus"],
        reason: "queries are tested against servers that the tests start and stop themselves",
    },
    Package {
        name: "redis-server",
        programs: &["redis-server", "redis-cli"],
        reason: "the shipped runbooks are tested against servers that the tests start and stop themselves",
    },
    Package {
        name: "docker.io",
        programs: &["dockerd", "docker", "containerd", "runc"],
        reason: "containers are tested against engines that the tests start and stop themselves",
    },
    Package {
        name: "docker-compose",
        programs: &["docker-compose"],
        reason: "projects of compose are tested with it",
    },
    Package {
        name: "docker-registry",
        programs: &["docker-registry"],
        reason: "what is pulled is pulled from registries that the tests start and stop themselves",
    },
    Package {
        name: "busybox-static",
        programs: &["busybox"],
        reason: "the images of the tests are made of it, since nothing is pulled",
    },
    Package {
        name: "iproute2",
        programs: &["ip", "ss"],
        reason: "each engine of the tests gets a bridge of its own with it, a test a network of its own, and pods their links",
    },
    Package {
        name: "podman",
        programs: &["podman"],
        reason: "its socket is tried as an engine, too",
    },
    Package {
        name: "ufw",
        programs: &["ufw"],
        reason: "a shipped runbook changes its rules, which the tests let it do in a network of their own",
    },
    Package {
        name: "lsof",
        programs: &["lsof"],
        reason: "a shipped runbook finds out with it who holds a port",
    },
    Package {
        name: "curl",
        programs: &["curl"],
        reason: "the tests of the shipped runbooks ask servers with it",
    },
    Package {
        name: "awscli",
        programs: &["aws"],
        reason: "shipped runbooks keep backups in S3 and move traffic by Route 53 with it, whose stand-ins the tests start",
    },
    Package {
        name: "openssl",
        programs: &["openssl"],
        reason: "a shipped runbook reads with it how long a certificate is good for",
    },
    Package {
        name: "jq",
        programs: &["jq"],
        reason: "the scripts for pull requests read with it what GitHub and GitLab answer, and a shipped runbook what Route 53 does",
    },
    Package {
        name: "python3",
        programs: &["python3"],
        reason: "the example of a plugin, the servers that the shipped runbooks repair and those in pods are written in it",
    },
    Package {
        name: "procps",
        programs: &["ps", "sysctl"],
        reason: "tests look for processes that should be gone, and a shipped runbook sets what the kernel allows",
    },
    Package {
        name: "iptables",
        programs: &["iptables"],
        reason: "a shipped runbook opens the way through a firewall, which a test sets up in a network of its own",
    },
    Package {
        name: "chromium",
        programs: &["chromium"],
        reason: "the pages of reports are opened, measured and printed in it",
    },
    Package {
        name: "poppler-utils",
        programs: &["pdfinfo", "pdftotext"],
        reason: "what a page prints is read with it",
    },
    Package {
        name: "nodejs",
        programs: &["node"],
        reason: "runs the YAML language server in which the schemas are tested",
    },
    Package {
        name: "npm",
        programs: &["npm"],
        reason: "installs the YAML language server, as its lock file says",
    },
];

/// A cargo subcommand, the release line that this repository is tested with, and why it is needed.
pub(super) struct Tool {
    pub(super) name: &'static str,
    pub(super) version: &'static str,
    pub(super) reason: &'static str,
}

pub(super) const TOOLS: [Tool; 2] = [
    Tool {
        name: "nextest",
        version: "0.9",
        reason: "runs the tests",
    },
    Tool {
        name: "deny",
        version: "0.20",
        reason: "checks licences, banned crates and sources",
    },
];

impl Package {
    /// Asks Debian, and where it does not know, looks for the programs: on another system, or in another version of
    /// the package, what counts is that they are there.
    pub(super) fn is_there(&self) -> bool {
        let mut query = Command::new("dpkg-query");
        query
            .args(["--show", "--showformat=${db:Status-Status}", self.name])
            .stderr(Stdio::null());
        query.output().is_ok_and(|output| output.stdout == b"installed")
            || self
                .programs
                .iter()
                .all(|name| program::find(name, &server_directories()).is_some())
    }
}

impl Tool {
    /// Whether cargo knows the subcommand.
    pub(super) fn is_there(&self) -> bool {
        program::succeeds(program::cargo().args([self.name, "--version"]))
    }

    /// What to tell cargo, so that it installs it.
    pub(super) fn install_arguments(&self) -> [String; 5] {
        let (version, package) = (format!("~{}", self.version), format!("cargo-{}", self.name));
        [
            "install".to_owned(),
            "--locked".to_owned(),
            "--version".to_owned(),
            version,
            package,
        ]
    }
}

/// Debian keeps the programs of a PostgreSQL server out of `PATH`, in a directory for each version.
fn server_directories() -> Vec<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
    versions
        .filter_map(Result::ok)
        .map(|version| version.path().join("bin"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_that_is_nowhere_is_missing() {
        let absent = Package {
            name: "no-such-package",
            programs: &["no-such-program"],
            reason: "",
        };
        let elsewhere = Package {
            name: "no-such-package",
            programs: &["cargo"],
            reason: "",
        };
        assert!(!absent.is_there());
        assert!(elsewhere.is_there());
        assert!(
            !Tool {
                name: "no-such-tool",
                version: "1",
                reason: ""
            }
            .is_there()
        );
    }
}
