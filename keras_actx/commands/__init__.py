"""The command line, `python -m keras_actx {demo,list,show}`; nothing else in the package imports it."""
