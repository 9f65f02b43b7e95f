"""The use cases of the paper, each as a script that anyone can run."""
