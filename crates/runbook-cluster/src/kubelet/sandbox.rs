//! Containers as processes of this machine.
//!
//! A [`Machine`] is a mount and a PID namespace whose files are in memory, an [`Image`] a directory tree in it, a
//! [`Network`] the namespaces that the containers of a pod share, and a [`Container`] a first process with its own
//! root and PID namespace. All of it needs root on Linux, and all of it ends with the process that made the
//! machine: the first process of the machine reads from a pipe whose other end only that process holds, and the kernel
//! ends what is in a PID namespace with its first process. The files go with the last process that sees them.

mod container;
mod exec;
mod image;
mod log;
mod machine;
mod network;
mod process;
mod root;

pub(crate) use container::{Container, Launch, Mount, Refused};
pub(crate) use exec::{Executed, Input, Output, Program, SharedInput, code_of};
pub(crate) use image::complete;
pub use image::{Image, Images};
pub(crate) use log::{Log, Side};
pub(crate) use machine::Machine;
pub(crate) use network::Network;
pub(crate) use process::{Usage, usage_of};

/// Why a container cannot run here.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A program that makes namespaces is not installed.
    #[error("no program `{name}` on this machine")]
    NotInstalled {
        /// Which one.
        name: String,
    },
    /// A program could not be run.
    #[error("cannot run `{program}`")]
    Spawn {
        /// Which one.
        program: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A file could not be made.
    #[error("cannot write `{path}`")]
    File {
        /// Which one.
        path: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A step of the set-up failed.
    #[error("cannot make {what}: {output}")]
    SetUp {
        /// What was to be made.
        what: &'static str,
        /// What was printed.
        output: String,
    },
}

impl Error {
    fn spawn(program: &str, source: std::io::Error) -> Self {
        Self::Spawn {
            program: program.to_owned(),
            source,
        }
    }

    fn file(path: &std::path::Path, source: std::io::Error) -> Self {
        Self::File {
            path: path.display().to_string(),
            source,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    async fn run(machine: &Arc<Machine>, network: &Network, arguments: &[&str]) -> Arc<Container> {
        let launch = Launch {
            image: Image::busybox(),
            program: Program {
                arguments: arguments.iter().map(|argument| (*argument).to_owned()).collect(),
                ..Program::default()
            },
            variables: vec![("WHO".to_owned(), "it's me".to_owned())],
            directory: "/tmp".to_owned(),
            ..Launch::default()
        };
        Container::start(machine, &Images::new(), network, launch)
            .await
            .unwrap()
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_container_is_alone_with_its_processes_and_its_files() {
        let begun = std::time::Instant::now();
        let machine = Arc::new(Machine::start().unwrap());
        eprintln!("machine {:?}", begun.elapsed());
        let network = Network::start(&machine, "10.244.0.5", "one").await.unwrap();
        eprintln!("network {:?}", begun.elapsed());
        let script =
            "echo $$ $(hostname) $WHO $(pwd); ls /; ip addr show lo; ls -l /dev; echo no >&2; exit 7";
        let container = run(&machine, &network, &["sh", "-c", script]).await;
        eprintln!("container {:?}", begun.elapsed());
        assert_eq!(container.ended().await.code, 7);
        eprintln!("{:?}\n{}", begun.elapsed(), container.log.tail(10000));
        let begun = std::time::Instant::now();
        let container = run(&machine, &network, &["httpd", "-f", "-p", "10.244.0.5:80"]).await;
        eprintln!("server {:?}", begun.elapsed());
        let program = Program {
            arguments: vec![
                "sh".to_owned(),
                "-c".to_owned(),
                "ps; cat /etc/passwd | head -1; pwd".to_owned(),
            ],
            ..Program::default()
        };
        let ran = container.execute(&program).unwrap();
        let Executed {
            mut child,
            output,
            errors,
            ..
        } = ran;
        let log = Log::new();
        tokio::join!(
            log.clone().collect(Side::Out, output.unwrap(), |_| {}),
            log.clone().collect(Side::Err, errors.unwrap(), |_| {})
        );
        eprintln!("{:?} {}", child.wait().await, log.tail(10000));
        eprintln!("exec {:?}", begun.elapsed());
        let usage = usage_of(&[container.namespace().unwrap().clone()]);
        eprintln!("{usage:?}");
        network
            .connect("10.244.0.5", 80, std::time::Duration::from_secs(1))
            .await
            .unwrap();
        container.signal(rustix::process::Signal::KILL);
        assert_eq!(container.ended().await.code, 137);
        container.remove().await;
    }
}
