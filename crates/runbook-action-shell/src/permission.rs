//! Permissions of files, as octal numbers in text.

use runbook_action::{Args, Failure, Param};

/// An octal number of three digits, or of four with the special bits before them.
///
/// It must be text: YAML reads `0640` as six hundred and forty, which is something else.
pub(crate) fn octal(args: &Args<'_>) -> Result<u32, Failure> {
    if let Param::Number(number) = args.param() {
        return Err(args
            .wrong("is a number, which YAML does not read as octal")
            .help(format!("put it in quotes: `\"{number}\"`")));
    }
    let text = args.literal()?;
    let is_octal = text.bytes().all(|byte| (b'0'..=b'7').contains(&byte)) && matches!(text.len(), 3 | 4);
    u32::from_str_radix(text, 8)
        .ok()
        .filter(|_| is_octal)
        .ok_or_else(|| {
            args.wrong("is not an octal number of three or four digits")
                .help("write it as `chmod` takes it: `\"0640\"`")
        })
}
