//! Where `now` comes from in the shell.
