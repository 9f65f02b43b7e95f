"""Datasets: image folders, arrays, tables of paths, the embedded digits and objects of the caller's own.

Open one with :func:`channelexplorer_dash.datasets.registry.open_dataset`.
"""
