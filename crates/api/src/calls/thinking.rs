//! What a model thinks at the beginning of its answer.

use super::find::Find;
use super::{Part, Said};

/// What stands around thinking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Markers {
    /// Before it.
    pub open: &'static str,
    /// After it.
    pub close: &'static str,
}

#[derive(Debug, PartialEq, Eq)]
enum Place {
    /// Nothing but blanks came.
    Beginning,
    Inside,
    /// Nothing but blanks came since it ended.
    Behind,
    Answer,
}

/// Parts thinking from the answer. Blanks around the thinking belong to neither.
#[derive(Debug)]
pub struct Thinking {
    markers: Option<Markers>,
    place: Place,
    find: Find,
    blank: String,
    has_thought: bool,
}

impl Thinking {
    /// Of an answer that may think between `markers`, and begins within them if `is_inside`.
    pub fn new(markers: Option<Markers>, is_inside: bool) -> Thinking {
        let place = match (markers, is_inside) {
            (None, _) => Place::Answer,
            (Some(_), true) => Place::Inside,
            (Some(_), false) => Place::Beginning,
        };
        Thinking { markers, place, find: Find::default(), blank: String::new(), has_thought: false }
    }

    /// Whether the model is thinking.
    pub fn is_inside(&self) -> bool {
        self.place == Place::Inside
    }

    /// Takes a part; `answer` gets what is none of the thinking.
    pub fn hear(&mut self, part: Part, said: &mut Vec<Said>, answer: &mut Vec<Part>) {
        match (part, self.markers) {
            (part, None) => answer.push(part),
            (Part::Control(token), Some(markers)) => self.control(token, markers, said, answer),
            (Part::Text(text), Some(markers)) => {
                let mut letters = text.chars();
                while let Some(letter) = letters.next() {
                    if self.place == Place::Answer {
                        answer.push(Part::Text(std::iter::once(letter).chain(letters).collect()));
                        return;
                    }
                    self.letter(letter, markers, said, answer);
                }
            }
        }
    }

    fn control(&mut self, token: String, markers: Markers, said: &mut Vec<Said>, answer: &mut Vec<Part>) {
        match self.place {
            Place::Inside => {
                let held = self.find.take();
                self.think(&held, said);
                if token == markers.close {
                    self.leave();
                }
            }
            Place::Beginning if token == markers.open => self.enter(),
            Place::Beginning | Place::Behind => {
                self.give_up(answer);
                answer.push(Part::Control(token));
            }
            Place::Answer => answer.push(Part::Control(token)),
        }
    }

    fn letter(&mut self, letter: char, markers: Markers, said: &mut Vec<Said>, answer: &mut Vec<Part>) {
        let mut passed = String::new();
        match self.place {
            Place::Inside => {
                let found = self.find.push(letter, &[markers.close], &mut passed);
                self.think(&passed, said);
                if found.is_some() {
                    self.leave();
                }
            }
            Place::Beginning if self.find.is_empty() && letter.is_whitespace() => self.blank.push(letter),
            Place::Behind if letter.is_whitespace() => {}
            Place::Beginning => {
                if self.find.push(letter, &[markers.open], &mut passed).is_some() {
                    self.enter();
                } else if !passed.is_empty() {
                    self.blank.push_str(&passed);
                    self.give_up(answer);
                }
            }
            Place::Behind | Place::Answer => {
                self.place = Place::Answer;
                answer.push(Part::Text(letter.to_string()));
            }
        }
    }

    fn think(&mut self, text: &str, said: &mut Vec<Said>) {
        for letter in text.chars() {
            if letter.is_whitespace() {
                self.blank.push(letter);
                continue;
            }
            let blank = std::mem::take(&mut self.blank);
            let mut thought = if self.has_thought { blank } else { String::new() };
            thought.push(letter);
            self.has_thought = true;
            said.push(Said::Reasoning(thought));
        }
    }

    fn enter(&mut self) {
        self.place = Place::Inside;
        self.blank.clear();
    }

    fn leave(&mut self) {
        self.place = Place::Behind;
        self.blank.clear();
    }

    /// There is no thinking, or no more.
    fn give_up(&mut self, answer: &mut Vec<Part>) {
        self.place = Place::Answer;
        let text = std::mem::take(&mut self.blank) + &self.find.take();
        if !text.is_empty() {
            answer.push(Part::Text(text));
        }
    }

    /// The answer ended.
    pub fn end(&mut self, said: &mut Vec<Said>, answer: &mut Vec<Part>) {
        let held = self.find.take();
        if self.place == Place::Inside {
            self.think(&held, said);
        } else {
            self.blank.push_str(&held);
            self.give_up(answer);
        }
    }
}
