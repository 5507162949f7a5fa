//! What people do to the rows of a simulated system.

use lockstep_core::value::Value;

use super::{
    dice::Dice,
    habits::Stream,
    scenario::{Event, Scenario},
    table::{COLUMNS, EDITED, EMAIL, ID, Row, Who, key_of},
    world::World,
};

pub struct People<'w> {
    pub world: &'w World,
    pub scenario: &'w Scenario,
    pub dice: Dice,
    /// E-mail addresses and shared keys given so far.
    pub born: i64,
}

impl People<'_> {
    pub fn act(&mut self, event: &Event) {
        match event {
            Event::Edit { side } => {
                if let Some(row) = self.any_row(*side) {
                    self.edit(*side, row, None);
                }
            }
            Event::EditAndDelete { side } => {
                if let Some(row) = self.any_row(*side) {
                    let row = self.edit(*side, row, None);
                    self.delete(*side, &row);
                }
            }
            Event::Clash { side, other } => self.clash(*side, *other),
            Event::Insert { side } => {
                let row = self.new_row();
                self.insert(*side, row);
            }
            Event::Twins { side, other } => {
                let row = self.new_row();
                self.insert(*side, row.clone());
                self.insert(*other, row);
            }
            Event::Delete { side } => {
                if let Some(row) = self.any_row(*side) {
                    self.delete(*side, &row);
                }
            }
            Event::Rekey { side } => self.rekey(*side),
            Event::Rival { side } => {
                if let Some(place) = self.world.places.get(*side) {
                    place.table().rivals += 1;
                }
            }
            _ => {}
        }
    }

    /// Only where keys are the side's own, and told with the rows they were of.
    fn rekey(&mut self, side: usize) {
        let Some(row) = self.any_row(side) else { return };
        let Some(place) = self.world.places.get(side) else { return };
        if self.scenario.shares_key || place.table().habits.stream != Stream::Log {
            self.edit(side, row, None);
            return;
        }
        place.table().rekey(&key_of(&row), self.world.now_us());
        place.news.notify_waiters();
    }

    fn any_row(&mut self, side: usize) -> Option<Row> {
        let rows: Vec<Row> = self.world.places.get(side)?.table().rows.values().cloned().collect();
        self.dice.pick(&rows).cloned()
    }

    /// What makes it the same record everywhere; the rest is given where it is inserted.
    pub fn new_row(&mut self) -> Row {
        self.born += 1;
        let mut row = vec![Value::Null; COLUMNS.len()];
        if let Some(id) = row.get_mut(ID).filter(|_| self.scenario.shares_key) {
            *id = Value::Int(self.born);
        }
        if let Some(email) = row.get_mut(EMAIL) {
            *email = Value::text(format!("email{}", self.born));
        }
        row
    }

    pub fn insert(&mut self, side: usize, mut row: Row) {
        let Some(place) = self.world.places.get(side) else { return };
        let mut table = place.table();
        for column in EDITED {
            let token = table.token(column);
            if let Some(cell) = row.get_mut(column) {
                *cell = Value::text(token);
            }
        }
        if row.get(ID).is_some_and(Value::is_null) {
            let key = table.fresh_key();
            if let Some(id) = row.get_mut(ID) {
                *id = key;
            }
        }
        let taken = row.get(EMAIL).is_some_and(|email| table.holder(email).is_some());
        if !taken && table.get(&key_of(&row)).is_none() {
            table.put(row, Who::Person, self.world.now_us());
        }
        drop(table);
        place.news.notify_waiters();
    }

    fn edit(&mut self, side: usize, mut row: Row, column: Option<usize>) -> Row {
        let column = column.or_else(|| self.dice.pick(&EDITED).copied()).unwrap_or(EDITED[0]);
        let Some(place) = self.world.places.get(side) else { return row };
        let mut table = place.table();
        let token = table.token(column);
        if let Some(cell) = row.get_mut(column) {
            *cell = Value::text(token);
        }
        let row = table.put(row, Who::Person, self.world.now_us());
        drop(table);
        place.news.notify_waiters();
        row
    }

    fn clash(&mut self, side: usize, other: usize) {
        let column = self.dice.pick(&EDITED).copied();
        let Some(row) = self.any_row(side) else { return };
        let identity = self.world.places.get(side).map_or(EMAIL, |place| place.table().identity);
        let twin = self.world.places.get(other).and_then(|place| {
            let table = place.table();
            table.rows.values().find(|there| there.get(identity) == row.get(identity)).cloned()
        });
        self.edit(side, row, column);
        if let Some(twin) = twin {
            self.edit(other, twin, column);
        }
    }

    fn delete(&mut self, side: usize, row: &Row) {
        if let Some(place) = self.world.places.get(side) {
            place.table().remove(&key_of(row), Who::Person, self.world.now_us());
            place.news.notify_waiters();
        }
    }
}
