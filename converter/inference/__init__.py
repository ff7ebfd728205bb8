"""Images → a network ready on its device → predictions, accuracy, features, figures."""
