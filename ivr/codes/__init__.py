"""Feature codes and supervision: what people do by dialling from an operator's telephone."""
