"""Pictures, tables, the HTML report and the model card of a run."""
