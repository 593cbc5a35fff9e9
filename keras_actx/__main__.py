"""`python -m keras_actx`: the command line."""

from keras_actx.commands.main import main

if __name__ == "__main__":
    raise SystemExit(main())
