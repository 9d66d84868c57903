//! Azure Functions: the custom handler beside the bundle for Lambda and the plain server of the same app.

use super::Bench;
use crate::{
    failure::Failure,
    figures::{Table, Unit},
    programs::{Packaging, bytes},
    run::{callgrind, end, totals},
};
use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{Ipv4Addr, TcpListener, TcpStream},
    path::PathBuf,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

/// How long a program may take until it listens, and for an answer; counting instructions makes it fifty times slower.
const PATIENCE: Duration = Duration::from_secs(60);

/// What the Functions host adds to a request that it proxies.
const PROXIED: &str = "X-Azure-Functions-InvocationId: d6e44899-49d9-54d3-87a3-63f4300c33f6\r\n\
                       x-ms-invocation-id: d6e44899-49d9-54d3-87a3-63f4300c33f6\r\n\
                       X-Azure-Functions-HostVersion: 4.1040.100.2\r\nX-Forwarded-For: 1.2.3.4\r\n";

const BODY: &str = r#"{"name":"Ada","age":36,"tags":["math","poetry"]}"#;

/// A program that answers HTTP on a port that it is told.
struct Subject {
    name: &'static str,
    program: PathBuf,
    azure: bool,
    /// Whether requests have what the Functions host adds.
    proxied: bool,
}

impl Bench {
    pub(crate) fn azure_size(&self) -> Result<Table, Failure> {
        let mut table = Table::new(
            "azure-size",
            "Size of a custom handler",
            "The same groups for Azure Functions and for AWS Lambda: the app of one function, and the smallest of the example \
             shop, which has SQLite in it.",
            &[("program", Unit::Bytes), ("zip", Unit::Bytes)],
        )
        .beside("lambda, hello");
        let shop = Packaging {
            app: self.programs.root.join("examples/shop"),
            group: "reports",
            only: true,
            target: "azure",
            out: "shop",
            ..Packaging::default()
        };
        let hello = || Packaging { target: "azure", ..self.programs.hello_app() };
        let rows = [
            ("azure, hello", "azure", hello()),
            ("lambda, hello", "lambda", hello()),
            ("azure, reports of the shop", "azure", Packaging { out: "shop-azure", ..shop.clone() }),
            ("lambda, reports of the shop", "lambda", shop),
        ];
        for (name, platform, packaging) in rows {
            let out = self.programs.package_for(platform, &packaging)?;
            let program = if platform == "azure" { "handler" } else { "bootstrap" };
            let group = packaging.group;
            let (program, zip) = (out.join(group).join(program), out.join(format!("{group}.zip")));
            table.add(name, vec![bytes(&program)?, bytes(&zip)?]);
        }
        Ok(table)
    }

    pub(crate) fn azure_http(&self) -> Result<Table, Failure> {
        let mut table = Table::new(
            "azure-http",
            "One JSON POST to a custom handler",
            "A request that the Functions host proxies, with the four headers that it adds, beside the same octets to the \
             plain server, and the request without those headers; each with both profiles. From `exec` to the first answer, and per request: of 1,100 requests over one \
             connection and of 100, the difference is divided. The time to the first answer is by the clock on the wall, the \
             median of turns.",
            &[
                ("per request", Unit::Instructions),
                ("to the first answer", Unit::Instructions),
                ("first answer", Unit::Milliseconds),
            ],
        )
        .beside("server, balanced");
        let subjects = self.azure_subjects()?;
        let turns = if self.quick { 3 } else { 21 };
        let mut times = vec![Vec::with_capacity(turns); subjects.len()];
        for _ in 0..turns {
            for (subject, times) in subjects.iter().zip(&mut times) {
                let begun = Instant::now();
                let mut running = subject.start(Command::new(&subject.program))?;
                running.ask(1)?;
                times.push(begun.elapsed().as_secs_f64() * 1000.0);
                running.end()?;
            }
        }
        for (subject, mut times) in subjects.iter().zip(times) {
            times.sort_by(f64::total_cmp);
            let run = |count: usize| {
                let out = self.programs.work.join("callgrind.out");
                let mut running = subject.start(callgrind(&subject.program, &out))?;
                running.ask(count)?;
                running.end()?;
                totals(&out)
            };
            let (first, few, many) = (run(1)?, run(self.counts.few)?, run(self.counts.many)?);
            table.add(subject.name, vec![self.counts.each(few, many), first as f64, times[turns / 2]]);
        }
        Ok(table)
    }

    fn azure_subjects(&self) -> Result<Vec<Subject>, Failure> {
        let rows = [
            ("azure, balanced", "azure", "balanced", true),
            ("server, balanced", "server", "balanced", true),
            ("server, balanced, not proxied", "server", "balanced", false),
            ("azure, fast", "azure", "fast", true),
            ("server, fast", "server", "fast", true),
            ("server, fast, not proxied", "server", "fast", false),
        ];
        let subject = |(name, platform, profile, proxied): (&'static str, &str, &'static str, bool)| {
            let packaging = Packaging {
                target: "azure",
                profile: Some((profile, "fat")),
                out: if profile == "fast" { "fast" } else { "balanced" },
                ..self.programs.hello_app()
            };
            let out = self.programs.package_for(platform, &packaging)?;
            let azure = platform == "azure";
            let program = if azure { out.join(packaging.group).join("handler") } else { out.join("bench-hello") };
            Ok(Subject { name, program, azure, proxied })
        };
        rows.into_iter().map(subject).collect()
    }
}

impl Subject {
    /// Starts it on a free port and connects.
    fn start(&self, mut command: Command) -> Result<Running, Failure> {
        let program = self.program.display().to_string();
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| listener.local_addr());
        let port = port.map_err(Failure::system("find a free port"))?.port();
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
        let command = if self.azure {
            command.env("FUNCTIONS_CUSTOMHANDLER_PORT", port.to_string())
        } else {
            // As many threads as the handler has.
            command.env("PIKKU_ADDRESS", format!("127.0.0.1:{port}")).env("TOKIO_WORKER_THREADS", "1")
        };
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let child = child.map_err(Failure::start(&program))?;
        let until = Instant::now() + PATIENCE;
        let stream = loop {
            match TcpStream::connect((Ipv4Addr::LOCALHOST, port)) {
                Ok(stream) => break stream,
                Err(_) if Instant::now() < until => thread::sleep(Duration::from_micros(200)),
                Err(_) => return Err(Failure::Late { program }),
            }
        };
        stream.set_read_timeout(Some(PATIENCE)).map_err(Failure::system("set a timeout"))?;
        stream.set_nodelay(true).map_err(Failure::system("set up a connection"))?;
        let headers = if self.proxied { PROXIED } else { "" };
        let request = format!(
            "POST /greet/7 HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAccept: */*\r\nUser-Agent: curl/8.0\r\n{headers}Content-Type: \
             application/json\r\nContent-Length: {}\r\n\r\n{BODY}",
            BODY.len()
        );
        Ok(Running { program, child, stream: BufReader::new(stream), request })
    }
}

/// A subject that runs. It is killed when this is dropped.
struct Running {
    program: String,
    child: Child,
    stream: BufReader<TcpStream>,
    request: String,
}

impl Running {
    /// Asks so many times, and wants the right answer each time.
    fn ask(&mut self, count: usize) -> Result<(), Failure> {
        for _ in 0..count {
            let answer = self.exchange().map_err(Failure::system("ask a program"))?;
            if !answer.contains("hello, Ada (36)") {
                return Err(Failure::answer(&self.program, answer));
            }
        }
        Ok(())
    }

    fn exchange(&mut self) -> std::io::Result<String> {
        self.stream.get_mut().write_all(self.request.as_bytes())?;
        let mut length = 0;
        loop {
            let mut line = String::new();
            self.stream.read_line(&mut line)?;
            let line = line.trim_end().to_ascii_lowercase();
            if let Some(value) = line.strip_prefix("content-length:") {
                length = value.trim().parse().map_err(std::io::Error::other)?;
            }
            if line.is_empty() {
                break;
            }
        }
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body)?;
        Ok(String::from_utf8_lossy(&body).into_owned())
    }

    fn end(mut self) -> Result<(), Failure> {
        // A handler waits for its connections to be done.
        self.stream.get_ref().shutdown(std::net::Shutdown::Both).map_err(Failure::system("close a connection"))?;
        end(&mut self.child)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Where it has ended already there is nothing to kill.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
