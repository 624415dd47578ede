use super::*;

fn command(line: &str) -> Command {
    parse(line.split(' ')).unwrap_or_else(|error| panic!("{line}: {error}"))
}

fn refusal(line: &str) -> String {
    match parse(line.split(' ')) {
        Ok(command) => panic!("{line} was taken as {command:?}"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn the_definition_holds_together() {
    program().debug_assert();
}

#[test]
fn each_command_is_known() {
    assert_eq!(command("sluicegate run"), Command::Run(Overrides::default()));
    assert_eq!(command("sluicegate check"), Command::Check(Overrides::default()));
    assert_eq!(command("sluicegate demo"), Command::Demo);
    assert_eq!(command("sluicegate version"), Command::Version);
    assert_eq!(command("sluicegate flags"), Command::Flags);
    let print = |line| match command(line) {
        Command::PrintConfig { format, .. } => format,
        other => panic!("{other:?}"),
    };
    assert_eq!(print("sluicegate print-config"), Format::Text);
    assert_eq!(print("sluicegate print-config --format json"), Format::Json);
    let one = Command::Simulate { seed: 7, seeds: 1, scenario: Some("burst".into()) };
    assert_eq!(command("sluicegate simulate --seed 7 --scenario burst"), one);
    let many = Command::Simulate { seed: 1, seeds: 1000, scenario: None };
    assert_eq!(command("sluicegate simulate --seeds 1000"), many);
    assert_eq!(command("sluicegate completions zsh"), Command::Completions(Shell::Zsh));
    assert_eq!(command("sluicegate man"), Command::Man(None));
    assert_eq!(command("sluicegate man run"), Command::Man(Some("run".into())));
}

#[test]
fn commands_that_visit_take_the_flags_they_need_and_no_others() {
    let overrides = Overrides { flags: vec![("ADMIN_ADDR".into(), "127.0.0.1:1".into())], ..Overrides::default() };
    let asked = command("sluicegate healthcheck --alive --admin-addr 127.0.0.1:1");
    assert_eq!(asked, Command::Healthcheck { overrides: overrides.clone(), alive: true });
    assert_eq!(command("sluicegate drain --admin-addr 127.0.0.1:1"), Command::Drain(overrides));
    assert!(refusal("sluicegate drain --queue-maxsize 5").contains("--queue-maxsize"));
}

#[test]
fn a_burst_is_told_by_its_options() {
    let Command::Produce { overrides, burst } = command(
        "sluicegate produce --kafka-brokers b:1 --topic jobs --count 7 --rate 2.5 --keys 3 --deadline-in-ms -5 --value x",
    ) else {
        panic!("not produce")
    };
    assert_eq!(overrides.flags, [("KAFKA_BROKERS".to_owned(), "b:1".to_owned())]);
    let (topic, value) = (Some("jobs".to_owned()), "x".to_owned());
    let expected = Burst { topic, count: 7, rate: Some(2.5), keys: 3, deadline_in_ms: Some(-5), value };
    assert_eq!(burst, expected);
    let Command::Produce { burst, .. } = command("sluicegate produce") else { panic!("not produce") };
    assert_eq!((burst.count, burst.rate, burst.topic, burst.value.as_str()), (1, None, None, r#"{"n":{n}}"#));
    for rate in ["0", "-1", "nan", "inf", "often"] {
        assert!(refusal(&format!("sluicegate produce --rate={rate}")).contains("0.001"), "{rate}");
    }
}

#[test]
fn manual_pages_and_completions_name_every_command() {
    let page = manual(None).unwrap();
    let script = completions(Shell::Bash);
    for name in ["run", "check", "print-config", "healthcheck", "drain", "produce", "simulate", "demo", "version"] {
        let roff = name.replace('-', "\\-");
        assert!(page.contains(&format!("sluicegate\\-{roff}")), "{name}");
        assert!(script.contains(name), "{name}");
        assert!(manual(Some(name)).unwrap().contains(".SH NAME"), "{name}");
    }
    assert!(manual(Some("run")).unwrap().contains("queue\\-maxsize"));
    assert_eq!(manual(Some("frobnicate")), None);
}

#[test]
fn every_flag_is_an_option_of_the_three_commands_that_read_the_configuration() {
    for name in ["run", "check", "print-config"] {
        for flag in table::all() {
            let names = [Some((flag.name.to_owned(), flag.long()))];
            let file = flag.file_name().map(|name| (name, format!("{}-file", flag.long())));
            for (upper, long) in names.into_iter().chain([file]).flatten() {
                let args = ["sluicegate".to_owned(), name.to_owned(), format!("--{long}"), "some value".to_owned()];
                let overrides = match parse(args) {
                    Ok(Command::Run(o) | Command::Check(o) | Command::PrintConfig { overrides: o, .. }) => o,
                    other => panic!("{long}: {other:?}"),
                };
                assert_eq!(overrides.flags, [(upper, "some value".to_owned())]);
            }
        }
    }
}

#[test]
fn the_file_and_passed_through_properties_are_kept_apart() {
    let line = "sluicegate run --config a.toml --kafka-cfg a=b --kafka-cfg=c=d --queue-maxsize=-5 --log-level debug";
    let Command::Run(overrides) = command(line) else { panic!("not run") };
    assert_eq!(overrides.file, Some("a.toml".into()));
    assert_eq!(overrides.kafka, ["a=b", "c=d"]);
    let mut flags = overrides.flags;
    flags.sort();
    let expected = [("LOG_LEVEL", "debug"), ("QUEUE_MAXSIZE", "-5")].map(|(n, t)| (n.to_owned(), t.to_owned()));
    assert_eq!(flags, expected);
}

#[test]
fn help_tells_every_flag_with_its_default_and_sentence() {
    let help = refusal("sluicegate run --help");
    let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
    for flag in table::all() {
        assert!(help.contains(&format!("--{} <{}>", flag.long(), flag.kind.placeholder())), "{}", flag.name);
        assert!(help.contains(flag.doc), "{}", flag.name);
    }
}

#[test]
fn what_is_not_understood_is_refused_without_showing_a_secret() {
    for line in [
        "sluicegate",
        "sluicegate frobnicate",
        "sluicegate run --kafka-sasl-pasword=canary",
        "sluicegate run --kafka-sasl-password=canary --kafka-sasl-password=canary",
        "sluicegate simulate --seed x",
        "sluicegate print-config --format yaml",
    ] {
        assert!(!refusal(line).contains("canary"), "{line}");
    }
    assert!(refusal("sluicegate run --queue-maxsze 5").contains("--queue-maxsize"));
}
