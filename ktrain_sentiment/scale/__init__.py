"""Past one machine: the same predictions on Spark and on Ray.

    worker.py       what each worker does with its rows, and opens once
    spark.py        predict(df, ...), register_udf(spark, ...)
    spark_stage.py  a stage of pyspark.ml pipelines, saved with its predictor
    ray.py          predict(dataset, ...)
    jobs.py         a folder of Parquet files by Spark or Ray, portion by portion; can be resumed

Engines bring rows to workers and back; what happens to a row is `inference.scoring`'s.
"""
