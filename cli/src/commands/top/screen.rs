//! [`View`]: two tables on a terminal, and the keys.

use std::ops::ControlFlow;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout};
use ratatui::style::{Color, Style, Stylize as _};
use ratatui::text::Line;
use ratatui::widgets::{Block, Cell, Row, Table};

use super::state::{LINKS, METHODS, State};

/// The widths of the columns of methods; the first takes what is left.
const METHOD_WIDTHS: [Constraint; METHODS.len()] = [
    Constraint::Min(16),
    Constraint::Length(2),
    Constraint::Max(26),
    Constraint::Max(26),
    Constraint::Length(8),
    Constraint::Length(8),
    Constraint::Length(7),
    Constraint::Length(7),
    Constraint::Length(8),
];

const LINK_WIDTHS: [Constraint; LINKS.len()] = [
    Constraint::Max(26),
    Constraint::Max(26),
    Constraint::Min(22),
    Constraint::Length(7),
    Constraint::Length(9),
    Constraint::Length(7),
    Constraint::Length(7),
    Constraint::Length(7),
];

/// What the user has chosen to see.
#[derive(Debug, Default)]
pub(super) struct View {
    pub(super) is_stopped: bool,
    /// Rows of links that are above the screen.
    scrolled: usize,
}

impl View {
    /// A key was pressed. Breaks if it is one that ends the program.
    pub(super) fn press(&mut self, key: KeyEvent, state: &mut State) -> ControlFlow<()> {
        let is_control = key.modifiers.contains(KeyModifiers::CONTROL);
        match key.code {
            KeyCode::Char('q') | KeyCode::Esc => return ControlFlow::Break(()),
            KeyCode::Char('c') if is_control => return ControlFlow::Break(()),
            KeyCode::Char('s') => state.order = state.order.next(),
            KeyCode::Char('g') => state.is_grouped = !state.is_grouped,
            KeyCode::Char(' ') => self.is_stopped = !self.is_stopped,
            KeyCode::Down => self.scrolled += 1,
            KeyCode::Up => self.scrolled = self.scrolled.saturating_sub(1),
            _ => {}
        }
        ControlFlow::Continue(())
    }

    pub(super) fn draw(&mut self, frame: &mut Frame<'_>, state: &State) {
        let (methods, links) = (state.methods(), state.links().collect::<Vec<_>>());
        let areas = Layout::vertical([
            Constraint::Length(1),
            Constraint::Fill(3),
            Constraint::Fill(2),
            Constraint::Length(1),
        ])
        .split(frame.area());
        let calls: f64 = methods.iter().map(|row| row.calls).sum();
        let failed: f64 = methods.iter().map(|row| row.failed).sum();
        let down = links.iter().filter(|row| !row.is_connected).count();
        let nodes = state.nodes();
        let summary = format!(
            " {nodes} nodes   {calls:.0} calls/s   {failed:.0} failed/s   {down} of {} links down",
            links.len()
        );
        let color = if down > 0 || failed > 0.0 { Color::Red } else { Color::Green };
        frame.render_widget(Line::from(summary).bold().fg(color), areas[0]);

        let rows = methods.iter().map(|row| {
            let style = if row.failed > 0.0 { Style::new().fg(Color::Red) } else { Style::new() };
            Row::new(row.cells()).style(style)
        });
        let title = format!(" methods by {} ", state.order.text());
        let table = Table::new(rows, METHOD_WIDTHS).header(header(METHODS));
        frame.render_widget(table.block(Block::bordered().title(title)), areas[1]);

        self.scrolled = self.scrolled.min(links.len().saturating_sub(1));
        let rows = links.into_iter().skip(self.scrolled).map(|row| {
            let style = if row.is_connected { Style::new() } else { Style::new().fg(Color::Red) };
            Row::new(row.cells).style(style)
        });
        let table = Table::new(rows, LINK_WIDTHS).header(header(LINKS));
        frame.render_widget(table.block(Block::bordered().title(" links ")), areas[2]);

        let stopped = if self.is_stopped { "   paused" } else { "" };
        let keys = format!(" q end   s order   g group   space stop   ↑↓ links{stopped}");
        frame.render_widget(Line::from(keys).dim(), areas[3]);
    }
}

fn header<const COLUMNS: usize>(names: [&'static str; COLUMNS]) -> Row<'static> {
    Row::new(names.map(Cell::from)).style(Style::new().bold())
}

#[cfg(test)]
mod tests {
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;

    use super::super::state::tests::report;
    use super::*;

    fn drawn(view: &mut View, state: &State) -> String {
        let mut terminal = Terminal::new(TestBackend::new(110, 20)).expect("a terminal");
        terminal.draw(|frame| view.draw(frame, state)).expect("it can be drawn");
        terminal.backend().to_string()
    }

    fn press(view: &mut View, state: &mut State, key: char) -> ControlFlow<()> {
        view.press(KeyEvent::new(KeyCode::Char(key), KeyModifiers::NONE), state)
    }

    #[test]
    fn the_screen_shows_methods_and_links() {
        let (mut view, mut state) = (View::default(), State::new(true));
        state.add(report("http://a", true));
        state.add(report("http://d", false));
        let shown = drawn(&mut view, &state);
        assert!(
            shown.contains("2 nodes   3022 calls/s   20 failed/s   1 of 4 links down"),
            "{shown}"
        );
        assert!(shown.contains("methods by calls") && shown.contains("Items/put"), "{shown}");
        assert!(shown.contains("not connected: refused"), "{shown}");
        assert!(press(&mut view, &mut state, 's').is_continue());
        assert!(press(&mut view, &mut state, 'g').is_continue());
        assert!(press(&mut view, &mut state, ' ').is_continue());
        let shown = drawn(&mut view, &state);
        assert!(shown.contains("methods by failures") && shown.contains("paused"), "{shown}");
        let methods = shown.split("links ").nth(1).expect("the table of methods");
        assert!(!methods.contains("http://d"), "all nodes are one row: {shown}");
        assert!(press(&mut view, &mut state, 'q').is_break());
    }

    #[test]
    fn a_small_screen_is_no_error() {
        let (mut view, mut state) = (View::default(), State::new(true));
        state.add(report("http://a", true));
        for (columns, rows) in [(1, 1), (10, 3), (300, 2)] {
            let mut terminal = Terminal::new(TestBackend::new(columns, rows)).expect("a terminal");
            terminal.draw(|frame| view.draw(frame, &state)).expect("it can be drawn");
        }
    }
}
