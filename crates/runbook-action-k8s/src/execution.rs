//! A program in a container of a pod.
//!
//! The interface of clusters starts such a program and tells its exit code; it cannot end it, and the program goes on when
//! nobody listens any more. So each is started with a variable that nobody can guess, by `env`, which all that it starts
//! inherits, and what carries it is found in the container by a short script and is sent a signal. Where the container has
//! no `env`, the program is started without, and cannot be ended.

use std::fmt;
use std::hash::{BuildHasher as _, RandomState};
use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Status;
use kube::Api;
use kube::api::{AttachParams, AttachedProcess};
use runbook_action::{Chunk, Command, End, ErrorKind, Failure, Handle, Process, async_trait};
use runbook_remote::{Pipes as _, signal_of};
use serde_json::{Value, json};
use tokio::io::AsyncReadExt as _;
use tokio::time::sleep;

use crate::attached::{Attached, PIECE, Told};
use crate::cluster::Cluster;
use crate::object::Target;
use crate::trouble::one_line;

/// What a handle of this module is.
pub(crate) const HANDLE: &str = "pod_exec";

/// The variable that all of a program's processes carry.
const MARK: &str = "RUNBOOK_MARK";

/// How often what is killed is looked for again, and how long one waits between.
const KILLS: usize = 20;
const POLL: Duration = Duration::from_millis(50);

/// What is said of a container in which no variable can be given to a program.
const NO_ENV: &str = "the program `env` is not in the container";

/// Sends the signal `$2` to each process that carries `$1`, and prints how many there are. `0` only counts.
const SCRIPT: &str = r#"n=0
for p in /proc/[0-9]*; do
    case $(tr '\0' '\n' <"$p/environ" 2>/dev/null) in
        *"$1"*) n=$((n + 1)); [ "$2" = 0 ] || kill -s "$2" "${p#/proc/}" 2>/dev/null ;;
    esac
done
echo "$n""#;

/// A container of a pod.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(crate) cluster: Cluster,
    pub(crate) pod: Target,
    pub(crate) container: String,
}

impl Place {
    /// Starts a program as it is, with nothing around it.
    pub(crate) async fn attach(&self, argv: &[String], stdin: bool) -> Result<AttachedProcess, Failure> {
        let client = self.cluster.client().await?;
        let api: Api<Pod> = Api::namespaced(client, self.pod.namespace.as_deref().unwrap_or_default());
        let how = AttachParams::default()
            .container(self.container.clone())
            .stdin(stdin)
            .stdout(true)
            .stderr(true)
            .max_stdout_buf_size(PIECE)
            .max_stderr_buf_size(PIECE)
            .max_stdin_buf_size(PIECE);
        let right = self.pod.ask("create", Some("exec")).right;
        let attached = api.exec(&self.pod.name, argv, &how).await;
        attached.map_err(|error| self.cluster.lost_of(&error, &right).failure())
    }

    /// Sends all that carry the mark a signal, `0` for none, and tells how many there were; nothing if that cannot be
    /// known.
    async fn signal(&self, mark: &str, signal: &str) -> Option<u32> {
        let argv = ["sh", "-c", SCRIPT, "sh", mark, signal].map(str::to_owned);
        let mut attached = self.attach(&argv, false).await.ok()?;
        let mut printed = Vec::new();
        let mut stdout = attached.stdout()?;
        stdout.read_to_end(&mut printed).await.ok()?;
        String::from_utf8_lossy(&printed).trim().parse().ok()
    }

    /// Ends all that carry the mark, whatever they want; tells whether none is left.
    async fn kill(&self, mark: &str) -> bool {
        for _ in 0..KILLS {
            match self.signal(mark, "KILL").await {
                Some(0) => return true,
                Some(_) => sleep(POLL).await,
                None => return false,
            }
        }
        false
    }

    /// Whether what a handle tells of was found running; it is ended then.
    pub(crate) async fn settle(cluster: &Cluster, handle: &Handle) -> Result<bool, Failure> {
        let text = |key: &str| handle.data.get(key).and_then(Value::as_str).map(str::to_owned);
        let (Some(namespace), Some(pod), Some(container), Some(mark), Some(uid)) = (
            text("namespace"),
            text("pod"),
            text("container"),
            text("mark"),
            text("uid"),
        ) else {
            return Ok(false);
        };
        let pod = Target::new(crate::pods::kind(), &namespace, pod);
        let found = pod
            .look(cluster)
            .await
            .map_err(crate::trouble::Trouble::failure)?;
        // With a pod all of its programs end.
        if found.is_none_or(|found| found.pointer("/metadata/uid").and_then(Value::as_str) != Some(&uid)) {
            return Ok(false);
        }
        let place = Self {
            cluster: cluster.clone(),
            pod,
            container,
        };
        if place.signal(&mark, "TERM").await == Some(0) {
            return Ok(false);
        }
        if place.kill(&mark).await {
            return Ok(true);
        }
        let message = format!(
            "a program of the interrupted attempt may still be running in pod `{}`",
            place.pod.name
        );
        Err(Failure::new(ErrorKind::Other, message)
            .maybe_applied()
            .help("end it, and resume the run again"))
    }
}

/// A program in a container.
pub(crate) struct Execution {
    place: Place,
    uid: String,
    /// None where the program could not be marked.
    mark: Option<String>,
    attached: Attached,
    told: Told,
    /// What is started if there turns out to be no `env`.
    plain: Option<Command>,
    piece: Vec<u8>,
}

impl Execution {
    /// Starts a program. `uid` is that of the pod.
    pub(crate) async fn start(place: Place, uid: String, command: &Command) -> Result<Self, Failure> {
        let part = || RandomState::new().hash_one(0_u8);
        let mark = format!("{:016x}{:016x}", part(), part());
        let mut argv = vec!["env".to_owned(), format!("{MARK}={mark}")];
        argv.extend(command.argv.iter().cloned());
        let mut started = Self::begin(place, uid, Some(mark), &argv, command.stdin.as_deref()).await?;
        started.plain = Some(command.clone());
        Ok(started)
    }

    async fn begin(
        place: Place,
        uid: String,
        mark: Option<String>,
        argv: &[String],
        stdin: Option<&[u8]>,
    ) -> Result<Self, Failure> {
        let mut attached = Attached::new(place.attach(argv, stdin.is_some()).await?);
        if let Some(stdin) = stdin {
            attached.reads(stdin);
        }
        let told = attached.told();
        Ok(Self {
            place,
            uid,
            mark,
            attached,
            told,
            plain: None,
            piece: Vec::new(),
        })
    }

    /// Starts the program without a mark, if it could not be started with one.
    async fn has_begun_anew(&mut self) -> Result<bool, Failure> {
        let Some(plain) = self.plain.take() else {
            return Ok(false);
        };
        let no_env = matches!(self.end(), Err(failure) if failure.message == NO_ENV);
        if no_env {
            let (place, uid) = (self.place.clone(), self.uid.clone());
            *self = Self::begin(place, uid, None, &plain.argv, plain.stdin.as_deref()).await?;
        }
        Ok(no_env)
    }

    fn end(&self) -> Result<End, Failure> {
        ended(self.told.get().cloned().flatten())
    }
}

/// How a program ended, as a cluster tells it.
pub(crate) fn ended(status: Option<Status>) -> Result<End, Failure> {
    let Some(status) = status else {
        let message = "the connection to the program was lost";
        return Err(Failure::new(ErrorKind::Unreachable, message).maybe_applied());
    };
    if status.status.as_deref() == Some("Success") {
        return Ok(End::Code(0));
    }
    let causes = status
        .details
        .and_then(|details| details.causes)
        .unwrap_or_default();
    let code = causes
        .iter()
        .find(|cause| cause.reason.as_deref() == Some("ExitCode"));
    if let Some(code) = code.and_then(|cause| cause.message.as_deref()?.parse().ok()) {
        return Ok(end_of(code));
    }
    let said = one_line(&status.message.unwrap_or_default());
    let missing = said.contains("executable file not found") || said.contains("no such file or directory");
    if missing && said.contains("\"env\"") {
        return Err(Failure::new(ErrorKind::MissingProgram, NO_ENV).about("argv"));
    }
    if missing {
        return Err(
            Failure::new(ErrorKind::MissingProgram, "the program is not in the container").about("argv"),
        );
    }
    if said.contains("permission denied") {
        return Err(Failure::new(
            ErrorKind::Forbidden,
            "the program may not be run in the container",
        )
        .about("argv"));
    }
    Err(Failure::new(ErrorKind::Other, said).maybe_applied())
}

/// The end that an exit code stands for: programs that run others tell signals by codes above 128.
fn end_of(code: i32) -> End {
    match code - 128 {
        number @ (1 | 2 | 3 | 6 | 9 | 11 | 13 | 15) => signal_of(number),
        _ => End::Code(code),
    }
}

#[async_trait]
impl Process for Execution {
    fn handle(&self) -> Option<Handle> {
        Some(Handle {
            what: HANDLE.to_owned(),
            data: json!({
                "namespace": self.place.pod.namespace,
                "pod": self.place.pod.name,
                "uid": self.uid,
                "container": self.place.container,
                "mark": self.mark.as_ref()?,
            }),
        })
    }

    async fn next(&mut self) -> Result<Option<Chunk<'_>>, Failure> {
        let stream = loop {
            if let Some(chunk) = self.attached.next().await? {
                self.piece.clear();
                self.piece.extend_from_slice(chunk.bytes);
                break chunk.stream;
            }
            if !self.has_begun_anew().await? {
                return Ok(None);
            }
        };
        // What has printed was started.
        self.plain = None;
        let bytes = self.piece.as_slice();
        Ok(Some(Chunk { stream, bytes }))
    }

    async fn wait(&mut self) -> Result<End, Failure> {
        while self.told.get().is_none() && self.attached.next().await?.is_some() {}
        self.end()
    }

    async fn terminate(&mut self) {
        if let Some(mark) = &self.mark {
            let _count = self.place.signal(mark, "TERM").await;
        }
    }

    async fn kill(&mut self) {
        self.attached.close_input();
        if let Some(mark) = &self.mark {
            let _gone = self.place.kill(mark).await;
        }
    }

    async fn gone(&mut self) {
        if let Some(mark) = &self.mark {
            while self.place.signal(mark, "0").await.is_some_and(|count| count > 0) {
                sleep(POLL).await;
            }
        }
    }
}

impl Drop for Execution {
    fn drop(&mut self) {
        self.attached.abort();
        let (Some(mark), None) = (self.mark.clone(), self.told.get()) else {
            return;
        };
        let place = self.place.clone();
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            drop(runtime.spawn(async move { place.kill(&mark).await }));
        }
    }
}

impl fmt::Debug for Execution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Execution")
            .field("pod", &self.place.pod.name)
            .finish_non_exhaustive()
    }
}
