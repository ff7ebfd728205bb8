from .construction.call import Call as Call
from .importer import import_graph as import_graph
from .plugin import load_plugin as load_plugin
from .registry import register_operator as register_operator
