//! The forms in which the audit log may show a person.

use std::collections::BTreeSet;

use crate::config::secret::CodeKeys;
use crate::domain::keyring::Keyring;
use crate::domain::pseudonym::{Pseudonyms, SubjectForm};
use crate::domain::subject::Subject;

/// Makes pseudonyms as a sidecar does whose first key is each of these: the first one may have changed.
pub(super) fn pseudonyms(keys: CodeKeys) -> Vec<Pseudonyms> {
    keys.into_iter().filter_map(|key| Keyring::new([key])).map(|keyring| keyring.pseudonyms()).collect()
}

/// Every form of this person that these keys can make.
pub(super) fn of(subject: &Subject, names: &[Pseudonyms]) -> BTreeSet<String> {
    let mut forms: BTreeSet<String> = names
        .iter()
        .flat_map(|names| [SubjectForm::Plain, SubjectForm::Hash].map(|form| names.subject_as(form, subject)))
        .collect();
    // What looks like an address is nowhere written whole.
    if subject.masked() == subject.as_str() {
        forms.insert(subject.as_str().to_owned());
    }
    forms
}

/// The person behind a form, as far as it says.
pub(super) fn behind(form: &str) -> Option<Subject> {
    let is_hidden = form.starts_with('#') || form.contains("***@");
    if is_hidden { None } else { Subject::parse(form).ok() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::keyring::KeyId;
    use zeroize::Zeroizing;

    fn keys(numbers: &[u8]) -> CodeKeys {
        let key = |number: &u8| (KeyId::parse(&format!("k{number}")).unwrap(), Zeroizing::new([*number; 32]));
        numbers.iter().map(key).collect()
    }

    #[test]
    fn a_person_is_looked_for_under_every_key_and_without() {
        let jane = Subject::parse("jane").unwrap();
        assert_eq!(of(&jane, &[]), BTreeSet::from(["jane".to_owned()]));
        assert_eq!(of(&jane, &pseudonyms(keys(&[1, 2]))).len(), 3);
        let mail = Subject::parse("jane@example.com").unwrap();
        assert!(of(&mail, &[]).is_empty());
        let forms = of(&mail, &pseudonyms(keys(&[1])));
        assert_eq!(forms.len(), 2);
        assert!(forms.iter().all(|form| !form.contains("jane@")), "{forms:?}");
    }

    #[test]
    fn only_a_form_that_hides_nothing_names_its_person() {
        assert_eq!(behind("jane").unwrap().as_str(), "jane");
        assert!(behind("#1f2e3d4c5b6a7988").is_none());
        assert!(behind("j***@example.com#1f2e3d4c5b6a7988").is_none());
    }
}
