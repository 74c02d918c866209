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
mod space;

pub(crate) use container::{Container, Launch, Mount, Refused};
pub(crate) use exec::{Executed, Input, Output, Program, SharedInput, code_of};
pub(crate) use image::complete;
pub use image::{Image, Images};
pub(crate) use log::{Log, Side};
pub(crate) use machine::Machine;
pub(crate) use network::Network;
pub(crate) use process::{Usage, usage_of};
pub(crate) use space::Space;

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

    async fn execute(container: &Container, script: &str) -> (i32, String) {
        let program = Program {
            arguments: ["sh", "-c", script].map(str::to_owned).to_vec(),
            ..Program::default()
        };
        let mut executed = container.execute(&program).unwrap();
        let log = Log::new();
        let streams = [executed.output.take(), executed.errors.take()]
            .into_iter()
            .flatten();
        futures_util::future::join_all(streams.map(|stream| log.clone().collect(stream, |_| {}))).await;
        (code_of(executed.child.wait().await.unwrap()), log.tail(10_000))
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_container_is_alone_with_its_processes_and_its_files() {
        let machine = Arc::new(Machine::start().unwrap());
        let network = Network::start(&machine, "10.244.0.5", "one").await.unwrap();
        let script = "echo $$ $(hostname) $WHO $(pwd); ls /; ls /dev | wc -l; echo no >&2; exit 7";
        let container = run(&machine, &network, &["sh", "-c", script]).await;
        assert_eq!(container.ended().await.code, 7);
        let printed = container.log.tail(10_000);
        assert!(printed.contains("1 one it's me /tmp\n"), "{printed}");
        assert!(printed.contains("no\n"), "{printed}");
        let server = run(&machine, &network, &["httpd", "-f", "-p", "10.244.0.5:80"]).await;
        let (code, printed) =
            execute(&server, "ps > list; wc -l < list; pwd; ip addr show eth0; exit 3").await;
        assert_eq!(code, 3);
        assert!(
            printed.starts_with("4\n/tmp\n") && printed.contains("10.244.0.5/32"),
            "{printed}"
        );
        let used = usage_of(&[server.namespace().unwrap().clone()]);
        assert!(used.first().unwrap().memory > 0);
        let patience = std::time::Duration::from_secs(10);
        network.connect("10.244.0.5", 80, patience).await.unwrap();
        server.signal(rustix::process::Signal::KILL);
        assert_eq!(server.ended().await.code, 137);
        server.remove().await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_one_container_writes_is_not_in_the_image() {
        let machine = Arc::new(Machine::start().unwrap());
        let network = Network::start(&machine, "10.244.0.6", "two").await.unwrap();
        let first = run(
            &machine,
            &network,
            &["sh", "-c", "echo changed > /bin/ls; echo x > /new"],
        )
        .await;
        assert_eq!(first.ended().await.code, 0);
        let second = run(&machine, &network, &["sh", "-c", "ls /new; ls /bin/ls"]).await;
        assert_eq!(second.ended().await.code, 0);
        assert!(second.log.tail(1000).contains("/bin/ls\n"));
    }
}
