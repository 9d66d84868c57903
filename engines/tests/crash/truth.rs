//! What was said, in one order, and what follows from it.

use crate::worker::group;
use std::{
    collections::{HashMap, HashSet},
    fmt,
};

/// The story of a message.
#[derive(Debug, Default)]
struct Message {
    /// It was acknowledged.
    sent: bool,
    ids: HashSet<String>,
    handled: bool,
    /// Of which delivery it was done.
    done: Option<u64>,
    /// It was to go to the dead letters.
    buried: bool,
    dead: bool,
    taken: u64,
}

/// All stories.
#[derive(Debug, Default)]
pub(crate) struct Truth {
    messages: HashMap<String, Message>,
    /// The last id that was over, of each FIFO group.
    last: HashMap<u64, u64>,
    orders: usize,
    wrong: Vec<String>,
}

impl Truth {
    /// Takes a line of a program.
    pub(crate) fn take(&mut self, line: &str) -> Result<(), String> {
        let words: Vec<&str> = line.split(' ').collect();
        let (what, name, id, receives) = match words.as_slice() {
            ["wrong", ..] => return Err(format!("a program failed: {line}")),
            [what, name] => (*what, *name, None, None),
            [what, name, id] => (*what, *name, Some(*id), None),
            [what, name, id, receives] => (*what, *name, Some(*id), receives.parse().ok()),
            _ => return Err(format!("a program says `{line}`")),
        };
        let message = self.messages.entry(name.to_owned()).or_default();
        if let Some(id) = id {
            message.ids.insert(id.to_owned());
        }
        if matches!(what, "handle" | "bury")
            && !message.handled
            && !message.buried
            && let Some(group) = name.parse().ok().and_then(group)
        {
            let id = message.ids.iter().next().and_then(|id| id.parse().ok()).unwrap_or(0);
            if self.last.insert(group, id).is_some_and(|last| last > id) {
                self.wrong.push(format!("{name} came after one of its group that was sent later"));
            }
        }
        match what {
            "send" | "fail" => {}
            "sent" | "fired" => message.sent = true,
            "take" => {
                message.taken += 1;
                if message.done.is_some_and(|done| receives > Some(done)) {
                    self.wrong.push(format!("{name} was done, and came again"));
                }
            }
            "handle" => message.handled = true,
            "done" => {
                message.done = receives;
                if !message.handled {
                    self.wrong.push(format!("{name} was acknowledged before it was handled"));
                }
            }
            "bury" | "buried" => message.buried = true,
            "dead" => message.dead = true,
            _ => return Err(format!("a program says `{line}`")),
        }
        Ok(())
    }

    /// Judges, once nothing is left in the queues. The orders are those that are in the app's own database.
    pub(crate) fn judge(&mut self, orders: &HashSet<u32>) -> Result<(), String> {
        let mut ticks = Vec::new();
        let mut told = HashSet::new();
        for (name, message) in &self.messages {
            let over = message.handled || message.dead;
            if message.sent && !over {
                self.wrong.push(format!("{name} is lost"));
            }
            // One that nobody told it was taken may be there or not, but not half.
            if message.taken > 0 && !over {
                self.wrong.push(format!("{name} was delivered, and went away before it was handled"));
            }
            if message.buried != message.dead {
                self.wrong.push(format!("{name} was given up: {}, is a dead letter: {}", message.buried, message.dead));
            }
            if message.ids.len() > 1 {
                self.wrong.push(format!("{name} has a deduplication id, and is {} messages", message.ids.len()));
            }
            if let Some(tick) = name.strip_prefix("tick-") {
                ticks.push(tick.parse::<usize>().map_err(|error| error.to_string())?);
            }
            if let Some(order) = name.strip_prefix("order-") {
                told.insert(order.parse::<u32>().map_err(|error| error.to_string())?);
            }
        }
        if told != *orders {
            let (untold, unplaced) = (orders.difference(&told).count(), told.difference(orders).count());
            self.wrong.push(format!("{untold} orders were placed and not told of, {unplaced} the other way round"));
        }
        self.orders = orders.len();
        ticks.sort_unstable();
        if ticks.iter().copied().ne(1..=ticks.len()) {
            self.wrong.push("the ticks of the schedule have gaps".to_owned());
        }
        if self.wrong.is_empty() {
            return Ok(());
        }
        let some: Vec<&String> = self.wrong.iter().take(10).collect();
        Err(format!("{} things are wrong, such as {some:#?}; {self}", self.wrong.len()))
    }

    fn count(&self, is: impl Fn(&Message) -> bool) -> usize {
        self.messages.values().filter(|message| is(message)).count()
    }
}

impl fmt::Display for Truth {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{} messages acknowledged, {} cut off while they were sent, {} delivered more than once, {} dead letters, \
             {} orders; {} wrong",
            self.count(|message| message.sent),
            self.count(|message| !message.sent && message.taken == 0),
            self.count(|message| message.taken > 1),
            self.count(|message| message.dead),
            self.orders,
            self.wrong.len(),
        )
    }
}
