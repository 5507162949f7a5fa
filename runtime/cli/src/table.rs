//! Aligned tables for people. Widths are those of a terminal; long cells are cut.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::screen::{Screen, Tone};

/// Columns a cell may take before it is cut.
const CELL_WIDTH_MAX: usize = 60;

#[derive(Clone, Debug)]
pub struct Cell {
    text: String,
    tone: Tone,
    right: bool,
}

impl Cell {
    pub fn tone(mut self, tone: Tone) -> Self {
        self.tone = tone;
        self
    }
}

pub fn text(text: impl Into<String>) -> Cell {
    Cell { text: one_line(&text.into()), tone: Tone::Plain, right: false }
}

/// Right-aligned, with thousands apart.
pub fn number(number: u64) -> Cell {
    Cell { text: thousands(number), tone: if number == 0 { Tone::Dim } else { Tone::Plain }, right: true }
}

/// Nothing known.
pub fn dash() -> Cell {
    text("–").tone(Tone::Dim)
}

pub struct Table {
    heads: Vec<String>,
    rows: Vec<Vec<Cell>>,
}

impl Table {
    pub fn new(heads: &[&str]) -> Self {
        Table { heads: heads.iter().map(|head| (*head).to_owned()).collect(), rows: Vec::new() }
    }

    pub fn row(&mut self, cells: Vec<Cell>) {
        self.rows.push(cells);
    }

    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Without a final line break.
    pub fn render(&self, screen: &Screen) -> String {
        let columns = self.rows.iter().map(Vec::len).chain([self.heads.len()]).max().unwrap_or(0);
        let mut widths = vec![0; columns];
        for (width, head) in widths.iter_mut().zip(&self.heads) {
            *width = head.width();
        }
        for row in &self.rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.text.width());
            }
        }
        let mut lines = Vec::with_capacity(self.rows.len() + 1);
        if self.heads.iter().any(|head| !head.is_empty()) {
            let right = |index: usize| self.rows.first().and_then(|row| row.get(index)).is_some_and(|cell| cell.right);
            let heads: Vec<Cell> = self
                .heads
                .iter()
                .enumerate()
                .map(|(index, head)| Cell { text: head.clone(), tone: Tone::Dim, right: right(index) })
                .collect();
            lines.push(line(screen, &heads, &widths));
        }
        lines.extend(self.rows.iter().map(|row| line(screen, row, &widths)));
        lines.join("\n")
    }
}

fn line(screen: &Screen, cells: &[Cell], widths: &[usize]) -> String {
    let mut line = String::new();
    for (index, (cell, width)) in cells.iter().zip(widths).enumerate() {
        if index > 0 {
            line.push_str("  ");
        }
        let space = " ".repeat(width.saturating_sub(cell.text.width()));
        let shown = screen.mark(cell.tone, &cell.text);
        if cell.right {
            line.push_str(&space);
            line.push_str(&shown);
        } else {
            line.push_str(&shown);
            line.push_str(&space);
        }
    }
    line.trim_end().to_owned()
}

/// `1234567` as `1 234 567`.
pub fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}

/// Control characters made visible: a remote value must not steer the terminal.
pub fn clean(text: &str) -> String {
    text.chars()
        .map(|character| match character {
            '\n' => '↵',
            '\t' => ' ',
            other if other.is_control() => '·',
            other => other,
        })
        .collect()
}

/// Clean, and cut at [`CELL_WIDTH_MAX`].
pub fn one_line(text: &str) -> String {
    let mut shown = String::new();
    let mut width = 0;
    for character in clean(text).chars() {
        width += character.width().unwrap_or(0);
        if width > CELL_WIDTH_MAX - 1 {
            shown.push('…');
            break;
        }
        shown.push(character);
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_set_apart() {
        assert_eq!(thousands(0), "0");
        assert_eq!(thousands(999), "999");
        assert_eq!(thousands(1000), "1 000");
        assert_eq!(thousands(1234567), "1 234 567");
    }

    #[test]
    fn a_remote_value_cannot_steer_the_terminal() {
        assert_eq!(one_line("a\u{1b}[2Jb\nc"), "a·[2Jb↵c");
    }

    #[test]
    fn long_cells_are_cut() {
        let cut = one_line(&"x".repeat(500));
        assert_eq!(cut.width(), CELL_WIDTH_MAX);
        assert!(cut.ends_with('…'));
    }
}
