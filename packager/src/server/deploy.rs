//! The files that a server is deployed by.

use crate::{
    cloudflare::binding,
    entry::keeps,
    package::{File, Plan},
};
use pikku_manifest::{Group, Manifest, Need};
use std::collections::BTreeSet;

/// Where a server listens unless it is told otherwise.
const PORT: u16 = 8080;

/// The folder that the images' user may write to.
const HOME: &str = "/home/nonroot";

/// How many heaps glibc keeps for its threads; by itself that is up to eight for each processor (mallopt(3): `M_ARENA_MAX`), and
/// what one thread has freed in its own is of no use to the others. What is small comes from a cache of each thread before that.
/// And from which size on a block is none of a heap's but goes back to the system when it is freed (`M_MMAP_THRESHOLD`): left to
/// itself glibc raises that to 32 MiB, so that a few large bodies stay in memory for good.
const HEAPS: [&str; 2] = ["MALLOC_ARENA_MAX=1", "MALLOC_MMAP_THRESHOLD_=131072"];

/// What the files say.
#[derive(Debug)]
pub(super) struct Deployment {
    /// The app's name, which is the program's.
    app: String,
    port: u16,
    /// The processor as containers call it.
    processor: &'static str,
    /// Whether the program needs no C library.
    is_static: bool,
    /// Whether queues and schedules are kept in a file.
    keeps: bool,
    /// The variables that services read, each with what it is.
    variables: BTreeSet<(String, &'static str)>,
}

impl Deployment {
    pub(super) fn new(plan: &Plan, whole: &Group) -> Self {
        Self {
            app: whole.name.clone(),
            port: plan.project.settings.server.port.unwrap_or(PORT),
            processor: if plan.toolchain.arch == "arm64" { "arm64" } else { "amd64" },
            is_static: !plan.toolchain.is_dynamic(),
            keeps: keeps(&plan.manifest, whole),
            variables: variables(&plan.manifest, whole),
        }
    }

    pub(super) fn files(&self) -> [File; 3] {
        [
            File::new("Dockerfile", self.dockerfile()),
            File::new(format!("{}.service", self.app), self.unit()),
            File::new(format!("{}.env", self.app), self.environment()),
        ]
    }

    /// An image with nothing in it but the program and what it is linked to: no shell, no root.
    fn dockerfile(&self) -> String {
        let Self { app, port, processor, .. } = self;
        let base = if self.is_static { "static-debian12" } else { "cc-debian12" };
        // The one folder of the image that its user may write to; a volume keeps what is in it, and whose it is.
        let (mount, volume) = match self.keeps {
            true => (format!(" -v {app}:{HOME}"), format!("ENV PIKKU_QUEUES=sqlite:{HOME}/pikku.db\nVOLUME {HOME}\n")),
            false => (String::new(), String::new()),
        };
        let heaps = self.heaps("ENV ");
        format!(
            "# Written by `cargo pikku package`. In this folder:
#   docker build -t {app} .
#   docker run --rm --env-file {app}.env -p {port}:{port}{mount} --stop-timeout 40 {app}
# The program is for this processor alone.
# hadolint ignore=DL3029
FROM --platform=linux/{processor} gcr.io/distroless/{base}:nonroot
COPY {app} /app/{app}
ENV PIKKU_ADDRESS=0.0.0.0:{port}
{heaps}{volume}EXPOSE {port}
USER 65532:65532
STOPSIGNAL SIGTERM
ENTRYPOINT [\"/app/{app}\"]
"
        )
    }

    /// A service that may do what a server needs and nothing else. A wrong setting or an app that does not start is not
    /// tried again.
    fn unit(&self) -> String {
        let Self { app, port, .. } = self;
        let (look, store) = match self.keeps {
            true => (
                format!("\n# What is in its queues: PIKKU_QUEUES=sqlite:/var/lib/{app}/pikku.db {app} queues"),
                format!("\nEnvironment=PIKKU_QUEUES=sqlite:%S/{app}/pikku.db"),
            ),
            false => (String::new(), String::new()),
        };
        let heaps = self.heaps("Environment=");
        format!(
            "# Written by `cargo pikku package`. As root, in this folder:
#   install -Dm755 {app} /usr/local/bin/{app}
#   install -Dm600 {app}.env /etc/{app}/environment
#   install -Dm644 {app}.service /etc/systemd/system/{app}.service
#   systemctl daemon-reload && systemctl enable --now {app}{look}
[Unit]
Description={app}
Wants=network-online.target
After=network-online.target

[Service]
Type=exec
ExecStart=/usr/local/bin/{app}
Environment=PIKKU_ADDRESS=127.0.0.1:{port}{store}
{heaps}EnvironmentFile=-/etc/{app}/environment
StateDirectory={app}
StateDirectoryMode=0700
WorkingDirectory=%S/{app}
Restart=on-failure
RestartSec=1
RestartPreventExitStatus=2 3
TimeoutStopSec=40
LimitNOFILE=65536

DynamicUser=yes
NoNewPrivileges=yes
CapabilityBoundingSet=
AmbientCapabilities=
UMask=0077
ProtectSystem=strict
ProtectHome=yes
ProtectClock=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectControlGroups=yes
ProtectProc=invisible
ProcSubset=pid
PrivateTmp=yes
PrivateDevices=yes
PrivateUsers=yes
RemoveIPC=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
MemoryDenyWriteExecute=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources
SystemCallErrorNumber=EPERM

[Install]
WantedBy=multi-user.target
"
        )
    }

    /// The lines that keep glibc's heaps few; another C library has heaps of its own.
    fn heaps(&self, sets: &str) -> String {
        match self.is_static {
            true => String::new(),
            false => {
                let lines: String = HEAPS.iter().map(|variable| format!("{sets}{variable}\n")).collect();
                format!(
                    "# One heap for all threads, where glibc has one for nearly each, with what the others could use; and what is\n\
                     # large goes back to the system at once. On many processors more heaps may be faster.\n{lines}"
                )
            }
        }
    }

    fn environment(&self) -> String {
        let mut text = String::from(
            "# Variables of the server. Those of its own, such as PIKKU_REQUEST_TIME and RUST_LOG, are listed by\n\
             # `cargo pikku explain PK8003`.\n",
        );
        for (name, what) in &self.variables {
            text.push_str(&format!("\n# {what}\n#{name}=\n"));
        }
        text
    }
}

fn variables(manifest: &Manifest, whole: &Group) -> BTreeSet<(String, &'static str)> {
    let needs = manifest.services_of(whole).into_iter().flat_map(|service| &service.needs);
    needs
        .filter_map(|need| match need {
            Need::Variable(name) => Some((name.clone(), "a service reads it")),
            Need::OptionalVariable(name) => Some((name.clone(), "a service reads it where it is set")),
            Need::ReadSecret(name) => Some((binding("", name), "a secret that a service reads")),
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deployment() -> Deployment {
        let variables = [("API_KEY".to_owned(), "a secret that a service reads")].into();
        Deployment { app: "shop".to_owned(), port: 9000, processor: "arm64", is_static: false, keeps: true, variables }
    }

    #[test]
    fn what_is_written() {
        let text = |files: [File; 3]| files.map(|file| String::from_utf8(file.bytes).unwrap() + "---\n");
        let [dockerfile, unit, environment] = text(deployment().files());
        insta::assert_snapshot!(dockerfile + &unit + &environment);
        // What keeps nothing has no place to keep it.
        let [dockerfile, unit, _] = text(Deployment { keeps: false, ..deployment() }.files());
        assert!(!(dockerfile + &unit).contains("PIKKU_QUEUES"));
        // What needs no C library has none that would be told something.
        let [dockerfile, unit, _] = text(Deployment { is_static: true, ..deployment() }.files());
        assert!(dockerfile.contains("/static-debian12:") && !(dockerfile + &unit).contains("MALLOC"));
    }

    /// hadolint finds nothing wrong with either image.
    #[test]
    fn hadolint_takes_the_dockerfile() {
        let tools = std::env::var_os("PIKKU_TOOLS").map(std::path::PathBuf::from);
        let hadolint = tools.map(|tools| tools.join("venv-hadolint/bin/hadolint")).filter(|program| program.is_file());
        let hadolint = hadolint.expect("PIKKU_TOOLS names the tools that `cargo xtask tools` installs");
        for is_static in [true, false] {
            let folder = tempfile::tempdir().unwrap();
            let dockerfile = folder.path().join("Dockerfile");
            std::fs::write(&dockerfile, Deployment { is_static, ..deployment() }.dockerfile()).unwrap();
            let judged = std::process::Command::new(&hadolint).arg("--no-color").arg(&dockerfile).output().unwrap();
            assert!(judged.status.success(), "{}", String::from_utf8_lossy(&judged.stdout));
        }
    }

    /// systemd's own reader finds nothing wrong; the program itself is not there.
    #[test]
    fn systemd_takes_the_unit() {
        let folder = tempfile::tempdir().unwrap();
        let unit = folder.path().join("shop.service");
        std::fs::write(&unit, deployment().unit().replace("/usr/local/bin/shop", "/bin/true")).unwrap();
        let verify = std::process::Command::new("systemd-analyze").arg("verify").arg(&unit).output();
        let verify = verify.expect("systemd-analyze, which `cargo xtask tools` installs");
        let said = String::from_utf8_lossy(&verify.stderr).into_owned();
        assert!(verify.status.success() && !said.contains("shop.service"), "{said}");
        // An exposure of 2.0 of 10 is what systemd itself calls OK.
        let security = std::process::Command::new("systemd-analyze")
            .args(["security", "--offline=true", "--threshold=20", "--no-pager"])
            .arg(&unit)
            .output()
            .unwrap();
        assert!(security.status.success(), "{}", String::from_utf8_lossy(&security.stdout));
    }
}
