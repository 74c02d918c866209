//! Where a connection of kind `ssh` leads, and what the client's configuration says about that.

use runbook_action::{Connection, ErrorKind, Failure};

/// Where a connection leads.
#[derive(Debug, Clone)]
pub(super) struct Target {
    /// What the client is told: `user@host`, or a name of its configuration.
    pub(super) host: String,
    /// The client's configuration file.
    pub(super) config: Option<String>,
}

impl Target {
    pub(super) fn read(connection: &Connection) -> Result<Self, Failure> {
        let args = connection.args();
        let address = args.require("ssh")?;
        let host = address.text()?.reveal();
        if host.is_empty()
            || host.starts_with('-')
            || host.contains(|c: char| c.is_whitespace() || c.is_control())
        {
            return Err(address.wrong("names no host").help("write `user@host`"));
        }
        let config = match args.get("config") {
            Some(config) => Some(config.text()?.reveal()),
            None => None,
        };
        Ok(Self { host, config })
    }
}

/// What the client makes of its configuration for a host, of which little matters here.
#[derive(Debug, Clone, Default)]
pub(super) struct Effective {
    lines: Vec<(String, String)>,
}

impl Effective {
    /// Reads what `ssh -G` prints.
    pub(super) fn read(printed: &str) -> Self {
        let lines = printed
            .lines()
            .filter_map(|line| line.split_once(' '))
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .collect();
        Self { lines }
    }

    pub(super) fn get(&self, key: &str) -> Option<&str> {
        let found = self.lines.iter().find(|(known, _)| known == key);
        found.map(|(_, value)| value.as_str())
    }

    /// The machine and port that the client would connect to.
    pub(super) fn address(&self) -> Result<(String, u16), Failure> {
        let host = self.get("hostname").unwrap_or_default().to_owned();
        let port = self.get("port").and_then(|port| port.parse().ok());
        match port {
            Some(port) if !host.is_empty() => Ok((host, port)),
            Some(_) | None => Err(Failure::new(
                ErrorKind::Protocol,
                "`ssh -G` does not tell which host and port it would connect to",
            )),
        }
    }

    /// The options that the user has not set: a server that says nothing is not waited for for ever.
    pub(super) fn patience(&self) -> Vec<&'static str> {
        let mut options = Vec::new();
        if self.get("connecttimeout").is_none_or(|value| value == "none") {
            options.push("ConnectTimeout=10");
        }
        if self.get("serveraliveinterval").is_none_or(|value| value == "0") {
            options.extend(["ServerAliveInterval=5", "ServerAliveCountMax=3"]);
        }
        options
    }
}
