"""The command `ktrain-sentiment predict`, from a clone."""

from ktrain_sentiment.commands.dispatch import main

if __name__ == "__main__":
    main("predict")
