/* Deliberately empty: see ../README.md on the *_lib variables. */
