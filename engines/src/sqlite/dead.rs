//! Dead letters.

use super::{
    queue::{BEHIND, Queue, READY, find, has_head, read_attributes, read_body},
    writer::{Failure, Round},
};
use crate::{DeadLetter, Time, Which};
use rusqlite::params;

pub(super) fn list(round: &Round<'_>, name: &str, after: Option<&str>, max: usize) -> Result<Vec<DeadLetter>, Failure> {
    let queue = find(round, name)?;
    let after: i64 = after.and_then(|id| id.parse().ok()).unwrap_or(0);
    let mut statement = round.connection.prepare_cached(
        "SELECT id, receives, sent, died, reason, grp, is_text, body, attributes FROM pikku_dead WHERE queue = ?1 AND \
         id > ?2 ORDER BY id LIMIT ?3",
    )?;
    let letters = statement.query_map(params![queue.id, after, i64::try_from(max).unwrap_or(i64::MAX)], |row| {
        let id: i64 = row.get(0)?;
        let group: Option<String> = row.get(5)?;
        Ok(DeadLetter {
            id: id.to_string(),
            queue: name.to_owned(),
            body: read_body(row, 6, 7)?,
            attributes: read_attributes(row, 8)?,
            group: group.filter(|group| !group.is_empty()),
            sent_at: Time::from_millis(row.get(2)?),
            died_at: Time::from_millis(row.get(3)?),
            receives: row.get(1)?,
            reason: row.get(4)?,
        })
    })?;
    Ok(letters.collect::<Result<_, _>>()?)
}

pub(super) fn redrive(round: &Round<'_>, name: &str, which: &Which) -> Result<u64, Failure> {
    let queue = find(round, name)?;
    let letters = chosen(round, &queue, which)?;
    for (id, group) in &letters {
        let group = if queue.fifo { Some(group.as_deref().unwrap_or("")) } else { group.as_deref() };
        let state = if queue.fifo && has_head(round, queue.id, group)? { BEHIND } else { READY };
        let mut statement = round.connection.prepare_cached(
            "INSERT INTO pikku_message (id, queue, state, rank, due, span, receives, receipt, sent, grp, is_text, body, \
             attributes) SELECT id, queue, ?2, rank, 0, 0, 0, 0, sent, ?3, is_text, body, attributes FROM pikku_dead \
             WHERE id = ?1",
        )?;
        statement.execute(params![id, state, group])?;
        delete(round, *id)?;
    }
    Ok(letters.len() as u64)
}

pub(super) fn purge(round: &Round<'_>, name: &str, which: &Which) -> Result<u64, Failure> {
    let queue = find(round, name)?;
    let letters = chosen(round, &queue, which)?;
    for (id, _) in &letters {
        delete(round, *id)?;
    }
    Ok(letters.len() as u64)
}

fn chosen(round: &Round<'_>, queue: &Queue, which: &Which) -> Result<Vec<(i64, Option<String>)>, Failure> {
    let (from, to, most) = match which {
        Which::All => (0, i64::MAX, i64::MAX),
        Which::Oldest(most) => (0, i64::MAX, i64::from(*most)),
        Which::One(id) => match id.parse() {
            Ok(id) => (id, id, 1),
            Err(_) => return Ok(Vec::new()),
        },
    };
    let mut statement = round.connection.prepare_cached(
        "SELECT id, grp FROM pikku_dead WHERE queue = ?1 AND id BETWEEN ?2 AND ?3 ORDER BY id LIMIT ?4",
    )?;
    let chosen = statement.query_map(params![queue.id, from, to, most], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(chosen.collect::<Result<_, _>>()?)
}

fn delete(round: &Round<'_>, id: i64) -> Result<(), Failure> {
    round.connection.prepare_cached("DELETE FROM pikku_dead WHERE id = ?1")?.execute([id])?;
    Ok(())
}
