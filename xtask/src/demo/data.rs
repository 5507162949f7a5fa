//! Made-up companies and people, the same on every run. Real-looking enough to
//! read, unreal enough to be nobody's.

use std::fmt::Write;

/// Companies in the CRM.
pub const COMPANIES: usize = 1_200;
/// People in the CRM.
pub const PEOPLE: usize = 10_500;
/// Of these, known to the shop already, under the shop's own keys.
pub const SHARED: usize = 6_000;
/// People only the shop knows.
pub const SHOP_ONLY: usize = 500;

const GIVEN: &[&str] = &[
    "Ada", "Amir", "Anneke", "Aylin", "Beatriz", "Björn", "Chidi", "Clara", "Dmitri", "Elif", "Emeka", "Esther",
    "Farid", "Freya", "Giulia", "Hana", "Hugo", "Ines", "Ivan", "Jana", "Joao", "Kaia", "Kenji", "Lars", "Leila",
    "Linh", "Lucía", "Mads", "Malik", "Mei", "Mira", "Nadia", "Nils", "Noor", "Olga", "Oskar", "Paula", "Pierre",
    "Priya", "Rafael", "Rosa", "Samir", "Sanne", "Tariq", "Tess", "Tomás", "Uma", "Viktor", "Wanda", "Yara", "Zoë",
];
const FAMILY: &[&str] = &[
    "Abbas",
    "Adeyemi",
    "Andersen",
    "Bakker",
    "Baptiste",
    "Berg",
    "Bianchi",
    "Castro",
    "Chen",
    "Costa",
    "Demir",
    "Dubois",
    "Eriksen",
    "Fischer",
    "Fontaine",
    "García",
    "Haddad",
    "Hansen",
    "Horvat",
    "Ito",
    "Jansen",
    "Kamara",
    "Kaya",
    "Kim",
    "Kovač",
    "Kowalski",
    "Lindqvist",
    "López",
    "Meyer",
    "Moreau",
    "Nakamura",
    "Nguyen",
    "Novak",
    "O'Brien",
    "Okafor",
    "Olsen",
    "Pereira",
    "Petrov",
    "Rahman",
    "Rossi",
    "Saito",
    "Santos",
    "Schmidt",
    "Silva",
    "Singh",
    "Tanaka",
    "Virtanen",
    "Visser",
    "Weber",
    "Yılmaz",
    "Zhang",
];
const COMPANY_FIRST: &[&str] = &[
    "Amber", "Arctic", "Beacon", "Birch", "Blue", "Bright", "Cedar", "Copper", "Crescent", "Delta", "Ember", "Falcon",
    "Granite", "Harbour", "Iron", "Juniper", "Lantern", "Linden", "Maple", "Meridian", "Northern", "Oak", "Orchard",
    "Pioneer", "Quartz", "River", "Saffron", "Silver", "Summit", "Tidal", "Velvet", "Willow",
];
const COMPANY_SECOND: &[&str] = &[
    "Analytics",
    "Bakery",
    "Books",
    "Cargo",
    "Clinics",
    "Dairy",
    "Design",
    "Energy",
    "Farms",
    "Foods",
    "Freight",
    "Glass",
    "Hotels",
    "Instruments",
    "Labs",
    "Logistics",
    "Marine",
    "Media",
    "Mills",
    "Motors",
    "Optics",
    "Paper",
    "Pharma",
    "Robotics",
    "Software",
    "Solar",
    "Steel",
    "Studios",
    "Systems",
    "Textiles",
    "Tools",
    "Water",
];
const ENDING: &[&str] = &["AB", "AG", "BV", "GmbH", "Inc", "Ltd", "Oy", "SA", "SpA", "plc"];
const CITY: &[&str] = &[
    "Amsterdam",
    "Antwerp",
    "Athens",
    "Bergen",
    "Bilbao",
    "Bologna",
    "Brno",
    "Bristol",
    "Cork",
    "Gdańsk",
    "Ghent",
    "Graz",
    "Izmir",
    "Kaunas",
    "Leipzig",
    "Lille",
    "Lisbon",
    "Ljubljana",
    "Lyon",
    "Malmö",
    "Nantes",
    "Odense",
    "Porto",
    "Riga",
    "Rotterdam",
    "Seville",
    "Tallinn",
    "Tampere",
    "Turin",
    "Utrecht",
    "Valencia",
    "Zagreb",
];
const TITLE: &[&str] = &[
    "Account Manager",
    "Analyst",
    "Buyer",
    "Controller",
    "Designer",
    "Engineer",
    "Head of IT",
    "Lawyer",
    "Managing Director",
    "Office Manager",
    "Operations Lead",
    "Planner",
    "Product Manager",
    "Sales Lead",
    "Scientist",
    "Support Lead",
];

/// A small fixed generator (Lehmer, 2^31 - 1): the same data everywhere.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0 * 48_271 % 2_147_483_647;
        usize::try_from(self.0).unwrap_or(0) % bound.max(1)
    }

    fn pick<'a>(&mut self, words: &[&'a str]) -> &'a str {
        let at = self.below(words.len());
        words.get(at).copied().unwrap_or_default()
    }
}

pub struct Company {
    pub name: String,
    pub domain: String,
    pub city: &'static str,
}

pub struct Person {
    pub given: &'static str,
    pub family: &'static str,
    pub email: String,
    pub phone: String,
    pub title: &'static str,
    score: usize,
    credit: usize,
    /// Index of the company.
    pub company: usize,
}

fn companies(dice: &mut Dice) -> Vec<Company> {
    (0..COMPANIES)
        .map(|index| {
            let (first, second, ending) = (dice.pick(COMPANY_FIRST), dice.pick(COMPANY_SECOND), dice.pick(ENDING));
            Company {
                name: format!("{first} {second} {ending}"),
                domain: format!("{}{}-{index}.example", plain(first), plain(second)),
                city: dice.pick(CITY),
            }
        })
        .collect()
}

fn people(dice: &mut Dice, companies: &[Company]) -> Vec<Person> {
    (0..PEOPLE + SHOP_ONLY)
        .map(|index| {
            let (given, family) = (dice.pick(GIVEN), dice.pick(FAMILY));
            let company = dice.below(companies.len());
            let domain = companies.get(company).map_or("example", |company| company.domain.as_str());
            Person {
                given,
                family,
                email: format!("{}.{}.{index}@{domain}", plain(given), plain(family)),
                phone: format!("+31 20 555 {:04}", dice.below(10_000)),
                title: dice.pick(TITLE),
                score: dice.below(101),
                credit: dice.below(200) * 50,
                company,
            }
        })
        .collect()
}

/// Lower-case ASCII letters only.
fn plain(word: &str) -> String {
    word.chars()
        .filter_map(|letter| match letter {
            'ö' => Some('o'),
            'í' => Some('i'),
            'á' => Some('a'),
            'ë' => Some('e'),
            'č' => Some('c'),
            'ı' => Some('i'),
            other if other.is_ascii_alphabetic() => Some(other.to_ascii_lowercase()),
            _ => None,
        })
        .collect()
}

/// A fraction of the same companies and people, for systems with slower doors.
pub fn some(company_count: usize, people_count: usize) -> (Vec<Company>, Vec<Person>) {
    let mut dice = Dice(20_240_229);
    let mut companies = companies(&mut dice);
    companies.truncate(company_count);
    let mut people = people(&mut dice, &companies);
    people.truncate(people_count);
    (companies, people)
}

/// The rows of the CRM and of the shop, as statements for psql.
pub fn statements() -> (String, String) {
    let mut dice = Dice(20_240_229);
    let companies = companies(&mut dice);
    let people = people(&mut dice, &companies);
    (crm(&companies, &people), shop(&companies, &people))
}

fn crm(companies: &[Company], people: &[Person]) -> String {
    let mut sql = String::from("COPY accounts (name, domain, city) FROM stdin;\n");
    for company in companies {
        let _ = writeln!(sql, "{}\t{}\t{}", company.name, company.domain, company.city);
    }
    sql.push_str("\\.\nCOPY contacts (email, first_name, last_name, phone, title, score, credit_limit, account_id) FROM stdin;\n");
    for person in people.iter().take(PEOPLE) {
        let Person { given, family, email, phone, title, score, credit, company } = person;
        let _ = writeln!(sql, "{email}\t{given}\t{family}\t{phone}\t{title}\t{score}\t{credit}.00\t{}", company + 1);
    }
    sql.push_str("\\.\n");
    sql
}

/// The shop writes the same people down in its own way: other names, other
/// types, e-mail addresses in capitals here and there.
fn shop(companies: &[Company], people: &[Person]) -> String {
    let mut sql = String::from("COPY firms (id, name, web_domain, town) FROM stdin;\n");
    for (index, company) in companies.iter().enumerate() {
        let _ = writeln!(sql, "{}\t{}\t{}\t{}", uuid(1, index), company.name, company.domain, company.city);
    }
    sql.push_str("\\.\nCOPY customers (id, email_address, given_name, family_name, phone, job, loyalty, credit, firm_id) FROM stdin;\n");
    let known = people.iter().take(SHARED).chain(people.iter().skip(PEOPLE));
    for (index, person) in known.enumerate() {
        let email = if index % 7 == 0 { person.email.to_uppercase() } else { person.email.clone() };
        let Person { given, family, phone, title, score, credit, company, .. } = person;
        let _ = writeln!(
            sql,
            "{}\t{email}\t{given}\t{family}\t{phone}\t{title}\t{score}\t{credit}\t{}",
            uuid(2, index),
            uuid(1, *company)
        );
    }
    sql.push_str("\\.\n");
    sql
}

fn uuid(kind: usize, index: usize) -> String {
    format!("00000000-0000-4000-800{kind}-{index:012}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_data_is_the_same_on_every_run_and_as_large_as_told() {
        let (crm, shop) = statements();
        assert_eq!((crm.clone(), shop.clone()), statements());
        assert_eq!(crm.lines().filter(|line| line.contains('@')).count(), PEOPLE);
        assert_eq!(shop.lines().filter(|line| line.contains('@')).count(), SHARED + SHOP_ONLY);
    }
}
