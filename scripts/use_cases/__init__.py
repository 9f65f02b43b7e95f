"""The use cases of the paper, each as a script that finds again what it says."""
