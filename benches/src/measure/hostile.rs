//! Good clients of a server that others mean harm.

use super::{
    Bench,
    server::{executor, manager, start_shop},
};
use crate::{
    failure::Failure,
    figures::{Table, Unit},
    load::{Asked, load, percentile},
};
use std::{
    env,
    net::SocketAddr,
    process::{Child, Command},
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::{sleep, timeout},
};

/// Makes attackers of this program: the address, and the attacks.
const ATTACK: &str = "PIKKU_BENCH_ATTACK";

/// The connections of good clients.
const GOOD: usize = 8;

/// What the bodies of a server may take together, in octets: a quarter of the default.
const BODIES: usize = 16 << 20;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Attack {
    /// Heads that come octet by octet, over many connections (slowloris).
    SlowHeads,
    /// Heads of many and of long headers, one after another.
    HeaderFloods,
    /// Bodies of 1 GB, of a declared length and in chunks, as fast as they are taken.
    LargeBodies,
}

impl Attack {
    const ALL: [Self; 3] = [Self::SlowHeads, Self::HeaderFloods, Self::LargeBodies];

    fn name(self) -> &'static str {
        match self {
            Self::SlowHeads => "slow-heads",
            Self::HeaderFloods => "header-floods",
            Self::LargeBodies => "large-bodies",
        }
    }

    /// How many attack at a time.
    fn connections(self) -> usize {
        match self {
            Self::SlowHeads => 1000,
            Self::HeaderFloods => 16,
            Self::LargeBodies => 8,
        }
    }
}

impl Bench {
    pub(crate) fn server_hostile(&self) -> Result<Table, Failure> {
        let mut table = Table::new(
            "server-hostile",
            "Good clients among hostile ones",
            "How long 99 of 100 answers took at most that 8 clients of the packaged shop got, and the most memory that the \
             server has had, with PIKKU_BODIES_LIMIT at 16 MiB: 1,000 connections whose heads come octet by octet, 16 that \
             send heads over every limit, 8 that send bodies of 1 GB. All are on one machine, where attackers run when \
             nobody else does (`SCHED_IDLE`): elsewhere they would have processors of their own. They send as fast as the \
             server takes it.",
            &[("p99", Unit::Waited), ("peak", Unit::Bytes)],
        )
        .beside("nobody else");
        let program = self.shop()?;
        let folder = self.programs.work.join("shop-state");
        let (turns, each) = if self.quick { (1, 500) } else { (5, 2000) };
        let rows: [(&str, &[Attack]); 5] = [
            ("nobody else", &[]),
            ("slow heads", &[Attack::SlowHeads]),
            ("floods of headers", &[Attack::HeaderFloods]),
            ("bodies of 1 GB", &[Attack::LargeBodies]),
            ("all of them", &[Attack::SlowHeads, Attack::HeaderFloods, Attack::LargeBodies]),
        ];
        let executor = executor()?;
        let mut measured = vec![(Vec::new(), Vec::new()); rows.len()];
        for _ in 0..turns {
            for ((_, attacks), (times, peaks)) in rows.iter().zip(&mut measured) {
                let (time, peak) = executor.block_on(async {
                    let server = start_shop(&program, &folder, &[("PIKKU_BODIES_LIMIT", &BODIES.to_string())])?;
                    let put = r#"{"sku":"TEA-42","name":"green tea","price_cents":450,"stock":1000}"#;
                    let put = Asked::put("/products/TEA-42", put, "green tea").bearing(manager());
                    load(server.address, &put, 1, 1).await?;
                    let mut attackers = Attackers::begin(server.address, attacks)?;
                    sleep(Duration::from_millis(1500)).await;
                    let mut times =
                        load(server.address, &Asked::get("/products/TEA-42", "green tea"), GOOD, each).await?;
                    let peak = server.peak()?;
                    attackers.go_on()?;
                    drop(attackers);
                    server.end()?;
                    Ok::<_, Failure>((percentile(&mut times, 99), peak))
                })?;
                times.push(time);
                peaks.push(peak);
            }
        }
        for ((name, _), (times, peaks)) in rows.iter().zip(measured) {
            table.add(name, vec![super::server::median(times), peaks.into_iter().fold(0.0, f64::max)]);
        }
        Ok(table)
    }
}

/// Attackers, until they are dropped.
struct Attackers(Option<Child>);

impl Attackers {
    /// Starts this program again as them. What is measured is what attacks cost the server, and not what it costs to make
    /// them: they get the processors that nobody else wants, and are put off at once when somebody does.
    fn begin(address: SocketAddr, attacks: &[Attack]) -> Result<Self, Failure> {
        if attacks.is_empty() {
            return Ok(Self(None));
        }
        let program = env::current_exe().map_err(Failure::system("find this program"))?;
        let names: Vec<&str> = attacks.iter().map(|attack| attack.name()).collect();
        let mut command = Command::new("chrt");
        command.args(["--idle", "0"]).arg(program).env(ATTACK, format!("{address} {}", names.join(" ")));
        command.spawn().map(|child| Self(Some(child))).map_err(Failure::start("chrt"))
    }

    /// Whether they still attack.
    fn go_on(&mut self) -> Result<(), Failure> {
        let Some(child) = &mut self.0 else { return Ok(()) };
        match child.try_wait().map_err(Failure::start("chrt"))? {
            None => Ok(()),
            Some(status) => Err(Failure::answer("the attackers", format!("they have ended: {status}"))),
        }
    }
}

impl Drop for Attackers {
    fn drop(&mut self) {
        if let Some(child) = &mut self.0 {
            // They may have ended by themselves.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Attacks until this program is killed, where it is told to.
pub(crate) fn attack_where_told() -> Result<(), Failure> {
    let Ok(told) = env::var(ATTACK) else { return Ok(()) };
    let wrong = || Failure::answer(ATTACK, told.clone());
    let mut words = told.split(' ');
    let address: SocketAddr = words.next().and_then(|address| address.parse().ok()).ok_or_else(wrong)?;
    executor()?.block_on(async {
        for word in words {
            let attack = Attack::ALL.into_iter().find(|attack| attack.name() == word).ok_or_else(wrong)?;
            for number in 0..attack.connections() {
                tokio::spawn(async move {
                    // Not all at the same moment of a second.
                    sleep(Duration::from_millis(number as u64 % 1000)).await;
                    loop {
                        // Whatever the server does to it, it begins again.
                        let _ = match attack {
                            Attack::SlowHeads => slow_head(address).await,
                            Attack::HeaderFloods => header_flood(address, number % 2 == 0).await,
                            Attack::LargeBodies => large_body(address, number % 2 == 0).await,
                        };
                        sleep(Duration::from_millis(20)).await;
                    }
                });
            }
        }
        std::future::pending().await
    })
}

async fn slow_head(address: SocketAddr) -> std::io::Result<()> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(b"GET /products HTTP/1.1\r\nhost: localhost\r\nx: ").await?;
    loop {
        sleep(Duration::from_secs(1)).await;
        stream.write_all(b"a").await?;
    }
}

async fn header_flood(address: SocketAddr, many: bool) -> std::io::Result<()> {
    let headers: String = if many {
        (0..2000).map(|n| format!("x-{n}: 1\r\n")).collect()
    } else {
        format!("x: {}\r\n", "a".repeat(64 << 10))
    };
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(format!("GET /products HTTP/1.1\r\nhost: localhost\r\n{headers}\r\n").as_bytes()).await?;
    answer(&mut stream).await
}

async fn large_body(address: SocketAddr, declared: bool) -> std::io::Result<()> {
    let piece = vec![b'a'; 64 << 10];
    let length = if declared { "content-length: 1073741824" } else { "transfer-encoding: chunked" };
    let head = format!(
        "PUT /products/TEA-42 HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n{length}\r\n\r\n"
    );
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(head.as_bytes()).await?;
    for _ in 0..(1 << 30) / piece.len() {
        if !declared {
            stream.write_all(format!("{:x}\r\n", piece.len()).as_bytes()).await?;
        }
        stream.write_all(&piece).await?;
        if !declared {
            stream.write_all(b"\r\n").await?;
        }
    }
    answer(&mut stream).await
}

async fn answer(stream: &mut TcpStream) -> std::io::Result<()> {
    let mut octets = [0; 1024];
    timeout(Duration::from_secs(5), stream.read(&mut octets)).await??;
    Ok(())
}
