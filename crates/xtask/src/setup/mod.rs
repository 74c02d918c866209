//! `cargo xtask setup`: what the tests and CI need beside Rust itself.
//!
//! It first asks what is there, so that it costs nothing when everything is. As root on Debian or Ubuntu it
//! installs what is missing; anywhere else it names exactly that, and how to get it.

mod language_server;
mod needs;

use std::path::Path;
use std::process::Command;
use std::{fs, io};

use language_server::LanguageServer;
use needs::{PACKAGES, POSTGRES, Package, TOOLS, Tool};

use crate::program;

/// Read before the package of PostgreSQL is configured.
const NO_SERVER: &str = "/etc/postgresql-common/createcluster.d/runbook-tests.conf";

/// Installs what is missing, or says what that is.
pub(crate) fn run(root: &Path) -> Result<(), String> {
    let packages: Vec<&Package> = PACKAGES.iter().filter(|package| !package.is_there()).collect();
    let tools: Vec<&Tool> = TOOLS.iter().filter(|tool| !tool.is_there()).collect();
    if !packages.is_empty() {
        if !can_install() {
            return Err(advice(&packages, &tools));
        }
        install_packages(&packages)?;
    }
    for tool in tools {
        println!("installing cargo-{}, which {}", tool.name, tool.reason);
        program::run(program::cargo().args(tool.install_arguments()))?;
    }
    let server = LanguageServer::of(root)?;
    if !server.is_there() {
        println!("installing yaml-language-server: {}", language_server::REASON);
        server.install()?;
    }
    println!("setup: everything is there");
    Ok(())
}

/// The names of the system packages that are missing, for scripts that install them in their own way.
pub(crate) fn package_names() -> String {
    let missing = PACKAGES.iter().filter(|package| !package.is_there());
    missing.map(|package| package.name).collect::<Vec<_>>().join(" ")
}

fn can_install() -> bool {
    let user = Command::new("id").arg("-u").output();
    user.is_ok_and(|output| output.stdout.trim_ascii() == b"0") && program::find("apt-get", &[]).is_some()
}

fn install_packages(packages: &[&Package]) -> Result<(), String> {
    for package in packages {
        println!("installing {}: {}", package.name, package.reason);
    }
    if packages.iter().any(|package| package.name == POSTGRES) {
        keep_servers_off().map_err(|error| format!("`{NO_SERVER}` could not be written: {error}"))?;
    }
    apt_get(&["update"])?;
    let mut arguments = vec!["install", "--yes", "--no-install-recommends"];
    arguments.extend(packages.iter().map(|package| package.name));
    apt_get(&arguments)
}

/// Debian's package would make and start a server of its own.
fn keep_servers_off() -> io::Result<()> {
    let file = Path::new(NO_SERVER);
    fs::create_dir_all(file.parent().unwrap_or(file))?;
    fs::write(
        file,
        "# Tests start servers of their own; none is wanted at boot.\ncreate_main_cluster = false\n",
    )
}

fn apt_get(arguments: &[&str]) -> Result<(), String> {
    let mut command = Command::new("apt-get");
    program::run(
        command
            .env("DEBIAN_FRONTEND", "noninteractive")
            .arg("--quiet")
            .args(arguments),
    )
}

/// What is missing, why it is needed, and the commands that install it.
fn advice(packages: &[&Package], tools: &[&Tool]) -> String {
    let mut lines =
        vec!["these are missing, and only root on a system with apt-get can install them here:".to_owned()];
    for package in packages {
        let programs = package.programs.join("`, `");
        lines.push(format!(
            "  {} (programs `{programs}`): {}",
            package.name, package.reason
        ));
    }
    lines.extend(
        tools
            .iter()
            .map(|tool| format!("  cargo-{}: {}", tool.name, tool.reason)),
    );
    let names: Vec<&str> = packages.iter().map(|package| package.name).collect();
    lines.push("on Debian or Ubuntu:".to_owned());
    lines.push(format!("  sudo apt-get install {}", names.join(" ")));
    lines.extend(
        tools
            .iter()
            .map(|tool| format!("  cargo {}", tool.install_arguments().join(" "))),
    );
    lines.push("elsewhere install the programs named above so that they are in `PATH`".to_owned());
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_named_with_the_command_that_installs_it() {
        let [_, _, postgres, ..] = &PACKAGES;
        let [_, deny] = &TOOLS;
        let text = advice(&[postgres], &[deny]);
        for part in [
            "`initdb`",
            "sudo apt-get install postgresql\n",
            "cargo install --locked --version ~0.20 cargo-deny",
        ] {
            assert!(text.contains(part), "{part} in {text}");
        }
        assert!(!text.contains("procps"), "{text}");
    }
}
