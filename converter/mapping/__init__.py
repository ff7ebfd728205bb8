"""Parameter names: Gluon's dialects, key maps, detection of networks, other libraries' layouts."""
