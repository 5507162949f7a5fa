//! The next changes: what the stream brought and what is due to be polled.

use lockstep_sdk::model::{ChangesAnswer, ChangesRequest, Selection};

use crate::bayeux::ChangeEvent;
use crate::cursor::{ChannelAt, Cursor};
use crate::failure::{Failure, Result};

use super::Session;
use super::batches::Batches;
use super::follow::Follow;
use super::poll::{self, Memory};
use super::start::channel_of;
use super::stream::Stream;

/// A quiet channel's position moves in steps of this: each is a commit of the host's.
const QUIET_STEP_S: i64 = 300;
/// The longest wait for the stream while something is polled, too.
const POLL_CHECK_MS: u64 = 200;

pub fn changes(session: &mut Session, request: &ChangesRequest) -> Result<ChangesAnswer> {
    let after = Cursor::parse(&request.after)?;
    let mut follow = match session.follow.take() {
        Some(follow) if follow.cursor == after => follow,
        Some(before) => Follow { begun: before.begun, ..Follow::new(after) },
        None => Follow::new(after),
    };
    adopt(session, &mut follow, &request.selections)?;
    let mut batches = Batches::default();
    let more = take(session, &mut follow, request, &mut batches)?;
    let ago_ms = |at_us: i64| u64::try_from((session.platform.wall_us() - at_us) / 1000).unwrap_or(0);
    let lag_ms = batches.last_at().map(ago_ms);
    let batches = batches.finish();
    let cursor = follow.cursor.to_bytes();
    session.follow = Some(follow);
    Ok(ChangesAnswer { batches, cursor, more, lag_bytes: None, lag_ms })
}

/// Sees to it that every selected object has a place in the cursor, and the
/// stream stands where the cursor says.
fn adopt(session: &mut Session, follow: &mut Follow, selections: &[Selection]) -> Result<()> {
    let known = follow.cursor.channels.values().map(|at| at.since_s);
    let oldest = known.chain(follow.cursor.polled.values().map(|at| at.covered_s)).min();
    for selection in selections {
        let channel = channel_of(&session.config, &selection.object);
        if follow.cursor.polled.contains_key(&selection.object) || follow.cursor.channels.contains_key(&channel) {
            continue;
        }
        // An object that joined the stream after the cursor was given.
        let begun = follow.begun.get(&channel).map(|at| at.since_s);
        let since_s = begun
            .or(oldest)
            .ok_or_else(|| Failure::CursorInvalid(format!("the cursor knows nothing of {}", selection.object)))?;
        follow.cursor.channels.insert(channel, ChannelAt::since(since_s));
    }
    if follow.cursor.channels.is_empty() {
        return Ok(());
    }
    let stands = follow
        .stream
        .as_ref()
        .is_some_and(|stream| follow.cursor.channels.keys().all(|channel| stream.has_channel(channel)));
    if !stands {
        let mut stream = Stream::new(session.platform.clone(), session.api.clone(), &session.config);
        stream.resume(&follow.cursor.channels);
        follow.stream = Some(stream);
    }
    Ok(())
}

/// Fills the batches. True: more is waiting already.
fn take(session: &mut Session, follow: &mut Follow, request: &ChangesRequest, batches: &mut Batches) -> Result<bool> {
    let deadline = session.platform.monotonic_ms() + u64::from(request.wait_ms);
    let rows_max = request.max_records;
    if rows_max == 0 {
        // Only kept alive: what has come is taken in, and the next poll sent.
        if let Some(stream) = &mut follow.stream {
            stream.step(0)?;
            return Ok(!stream.is_empty());
        }
        return Ok(false);
    }
    loop {
        let mut more = poll_due(session, follow, request, batches)?;
        if let Some(stream) = &mut follow.stream {
            stream.step(0)?;
        }
        more |= drain(session, follow, request, batches)?;
        let settled = follow.stream.as_ref().is_none_or(Stream::is_settled);
        if !batches.is_empty() || more {
            return Ok(more || !settled);
        }
        quiet(follow);
        let now = session.platform.monotonic_ms();
        if now >= deadline {
            return Ok(!settled);
        }
        let wait_ms = (deadline - now).min(next_due_ms(follow, now));
        match &mut follow.stream {
            Some(stream) => {
                stream.step(wait_ms)?;
            }
            None => session.platform.sleep_ms(wait_ms),
        }
    }
}

fn next_due_ms(follow: &Follow, now: u64) -> u64 {
    let due = follow.polls.values().map(|memory| memory.due_ms.saturating_sub(now)).min();
    due.map_or(u64::MAX, |due| due.clamp(1, POLL_CHECK_MS))
}

/// Polls what is due. True: a window is not read to its end.
fn poll_due(
    session: &mut Session,
    follow: &mut Follow,
    request: &ChangesRequest,
    batches: &mut Batches,
) -> Result<bool> {
    let mut more = false;
    for selection in &request.selections {
        let Some(at) = follow.cursor.polled.get_mut(&selection.object) else {
            continue;
        };
        let memory: &mut Memory = follow.polls.entry(selection.object.clone()).or_default();
        let now = session.platform.monotonic_ms();
        if now < memory.due_ms {
            continue;
        }
        let left = request.max_records.saturating_sub(batches.records);
        if left == 0 || batches.bytes >= request.max_bytes as usize {
            return Ok(true);
        }
        if poll::poll(session, selection, at, memory, left, batches)? {
            more = true;
        } else {
            memory.due_ms = now + session.config.poll_interval_ms;
        }
    }
    Ok(more)
}

/// Gives what the stream has taken in. True: not all of it.
fn drain(session: &mut Session, follow: &mut Follow, request: &ChangesRequest, batches: &mut Batches) -> Result<bool> {
    tell_gaps(session, follow, request, batches);
    loop {
        let Some(stream) = &mut follow.stream else { return Ok(false) };
        let Some(event) = stream.next_event() else { return Ok(false) };
        let rows = u32::try_from(event.header.record_ids.len()).unwrap_or(u32::MAX);
        let full =
            batches.records.saturating_add(rows) > request.max_records || batches.bytes >= request.max_bytes as usize;
        if full && !batches.is_empty() {
            stream.put_back(event);
            return Ok(true);
        }
        give(session, follow, request, &event, batches)?;
        let at = follow.cursor.channels.entry(event.channel.clone()).or_insert(ChannelAt::since(0));
        if at.replay.is_some_and(|taken| event.replay_id <= taken) {
            // Younger than the last one taken, and yet with a lower number: the
            // numbers began anew, and nothing orders these against what is known.
            return Err(Failure::CursorInvalid(format!("{}: replay ids began anew", event.channel)));
        }
        at.take(event.replay_id, event.committed_s());
    }
}

/// Where events are no longer kept, objects are to be compared in full; what is
/// kept comes after that.
fn tell_gaps(session: &Session, follow: &mut Follow, request: &ChangesRequest, batches: &mut Batches) {
    let Some(stream) = &mut follow.stream else { return };
    for (channel, since_s) in stream.take_gaps() {
        if let Some(at) = follow.cursor.channels.get_mut(&channel) {
            at.since_s = since_s;
        }
        for selection in &request.selections {
            let polled = follow.cursor.polled.contains_key(&selection.object);
            if !polled && channel_of(&session.config, &selection.object) == channel {
                batches.signal(&selection.object, "gap");
            }
        }
    }
}

fn give(
    session: &mut Session,
    follow: &mut Follow,
    request: &ChangesRequest,
    event: &ChangeEvent,
    batches: &mut Batches,
) -> Result<()> {
    let entity = &event.header.entity_name;
    let Some(selection) = request.selections.iter().find(|selection| selection.object == *entity) else {
        return Ok(());
    };
    if follow.cursor.polled.contains_key(entity) {
        return Ok(());
    }
    let before = follow.schemas.insert(entity.clone(), event.schema.clone());
    if before.is_some_and(|before| before != event.schema) {
        session.sobjects.remove(entity);
        batches.signal(entity, "schema");
    }
    let sobject = session.sobject(entity)?;
    batches.take(event, &sobject, selection, &session.config.client_name);
    Ok(())
}

/// Nothing came: what is complete so far moves on, now and then, so that a
/// quiet channel does not fall out of what is kept.
fn quiet(follow: &mut Follow) {
    let Some(stream) = &follow.stream else { return };
    if !stream.is_empty() {
        return;
    }
    let complete_s = stream.complete_s();
    let oldest = follow.cursor.channels.values().map(|at| at.since_s).min().unwrap_or(complete_s);
    if complete_s - oldest >= QUIET_STEP_S {
        for at in follow.cursor.channels.values_mut() {
            at.since_s = at.since_s.max(complete_s);
        }
    }
}
